import { randomBytes } from "node:crypto";
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError, isSystemError, systemReason } from "../../graph/errors.js";

/** A file of this process alone, gone when it is closed or when the process ends. */
export class TemporaryFile {
  readonly #folder: string;
  readonly #path: string;
  readonly #descriptor: number;
  #isUnlinked = false;
  #isClosed = false;
  #size = 0;

  /**
   * @param folder by default that of the system
   * @throws InputError where no file can be made
   */
  constructor(folder = tmpdir()) {
    this.#folder = folder;
    this.#path = join(folder, `caadam-onnx-${randomBytes(12).toString("hex")}.tmp`);
    this.#descriptor = this.#attempt("cannot hold data", () => openSync(this.#path, "wx+", 0o600));
    this.#unlink();
    if (!this.#isUnlinked) process.once("exit", this.#removeAtExit);
  }

  /** Bytes written. */
  get size(): number {
    return this.#size;
  }

  /** @throws InputError where the disk is full */
  append(bytes: Uint8Array): void {
    this.#attempt("cannot hold data larger than memory", () => {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(this.#descriptor, bytes, done, bytes.length - done, this.#size + done);
      }
    });
    this.#size += bytes.length;
  }

  /** Fills a stretch of `into` with the bytes from a position on. */
  read(into: Uint8Array, offset: number, length: number, position: number): void {
    this.#attempt("cannot give data back", () => {
      for (let done = 0; done < length;) {
        const count = readSync(this.#descriptor, into, offset + done, length - done, position + done);
        if (count === 0) throw new Error("a temporary file has become shorter");
        done += count;
      }
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#descriptor);
    process.off("exit", this.#removeAtExit);
    this.#unlink();
  }

  /** An open file without a name goes with its process, however that ends; where the system has none, it goes later. */
  #unlink(): void {
    if (this.#isUnlinked) return;
    try {
      unlinkSync(this.#path);
      this.#isUnlinked = true;
    } catch (error) {
      if (!isSystemError(error)) throw error;
    }
  }

  readonly #removeAtExit = () => this.close();

  #attempt<Result>(what: string, run: () => Result): Result {
    try {
      return run();
    } catch (error) {
      if (!isSystemError(error)) throw error;
      const remedy = "free space there, or set TMPDIR to another folder";
      throw new InputError(this.#folder, `${what}: ${systemReason(error)}`, remedy);
    }
  }
}
