import type { Model } from "../graph/model.js";
import { InPlaceSession } from "./in-place-session.js";
import { type Computing, Session } from "./session.js";

/** Opens sessions that compute alike, and closes all of them. */
export class Sessions {
  readonly computing: Computing;
  readonly #opened: { close(): Promise<void> }[] = [];

  constructor(computing: Computing) {
    this.computing = computing;
  }

  /** {@link Session.open} */
  readonly open = async (model: Model): Promise<Session> => this.#kept(await Session.open(model, this.computing));

  /** {@link InPlaceSession.open} */
  readonly openInPlace = async (model: Model): Promise<InPlaceSession> =>
    this.#kept(await InPlaceSession.open(model, this.computing));

  /** May be called again. */
  async close(): Promise<void> {
    for (const session of this.#opened.splice(0)) await session.close();
  }

  #kept<Kind extends { close(): Promise<void> }>(session: Kind): Kind {
    this.#opened.push(session);
    return session;
  }
}
