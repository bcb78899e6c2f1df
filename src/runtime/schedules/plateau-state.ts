import { z } from "zod";

/** What reduce-on-plateau remembers; plain JSON. */
export const plateauState = z.strictObject({
  learningRate: z.number(),
  /** The best value so far; null before the first. */
  best: z.number().nullable(),
  /** Epochs since then, or since the last fall. */
  wait: z.number(),
  /** Epochs of cooldown that are left. */
  cooldown: z.number(),
});

/** What reduce-on-plateau remembers; plain JSON. */
export type PlateauState = Readonly<z.infer<typeof plateauState>>;
