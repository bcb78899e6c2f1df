import { integerAttribute } from "../../graph/model.js";
import { type Decompositions, decomposition } from "./decomposition.js";

/** Spectra over time. */
export const spectra: Decompositions = {
  /**
   * signal [N, length] or [N, length, 1 or 2] -> [N, frames, bins, 2]: DFTs of the signal from every `step`-th sample
   * on, times a window. Frames are as long as stated, else as the window, else as the signal.
   */
  STFT: decomposition(2, ({ g, node, inputs: [given, step, window, frame] }) => {
    const signal = given.shape?.length === 2 ? g.unsqueeze(given, [2]) : given;
    const stated = frame === undefined ? undefined : g.cast(g.reshape(frame, []), "int64");
    const length =
      stated ??
      g.reshape(g.extentsOf(window ?? signal, window === undefined ? 1 : 0, window === undefined ? 2 : 1), []);
    const stride = g.cast(g.reshape(step, []), "int64");
    const room = g.sub(g.reshape(g.extentsOf(signal, 1, 2), []), length);
    const starts = g.mul(g.range(g.add(g.div(room, stride), 1)), stride);
    const frames = g.gather(signal, g.add(g.unsqueeze(starts, [1]), g.range(length)), 1);
    const windowed = window === undefined ? frames : g.mul(frames, g.unsqueeze(window, [1]));
    const attributes = { onesided: integerAttribute(node, "onesided", 1) };
    return [g.op("DFT", [windowed, undefined, g.scalar(2, "int64")], attributes)];
  }),
};
