/** Columns by name: one, several in order, or for each input its own. */
export type Columns = string | readonly string[] | Readonly<Record<string, string | readonly string[]>>;

/**
 * What in the data is what, and what is done to it before the model sees it. Columns are called by their names, with
 * the file's name and a colon in front where several files have one of that name ("train.npz:x"); the only array of a
 * file by the file's name as well ("train-images.idx").
 */
export interface DataDescription {
  /**
   * What the model is fed with. By default, of a model with one input all columns of tables that are no targets, or the
   * array that is no target; of a model with several inputs those that are called as they are.
   */
  readonly features?: Columns;
  /** What is to be predicted. By default what is called as the target's input, or the one array of the last file. */
  readonly target?: Columns;
  /**
   * Subtracts the mean of the training examples and divides by their (population) standard deviation: all numbers that
   * real-valued inputs are fed with (true), or those of these columns. Arrays have one mean for each element (rank 1),
   * for all (rank 2), or for each channel (rank 3 and more: the first axis, but the last where only that has at most 4).
   */
  readonly standardize?: boolean | readonly string[];
  /** The same for targets of real numbers. */
  readonly standardizeTarget?: boolean;
  /** Columns of categories, text or whole numbers, which become one number for each category; true: all with text. */
  readonly oneHot?: boolean | readonly string[];
  /** What becomes of a category that is not among the training examples: an error (default), or 0 everywhere. */
  readonly unknownCategories?: "error" | "zeros";
  /** Divides numbers that real-valued inputs are fed with, and that are not standardized, such as 255 for images. */
  readonly divideBy?: number;
  /**
   * What becomes of missing values: an error (default), examples without them, or the training examples' mean or
   * median in their place (of categories the most frequent one). Targets and arrays are never filled. Or they are kept,
   * for models that deal with them: NaN for inputs of real numbers, "" for those of text, 0 for each category.
   */
  readonly missing?: "error" | "drop" | "mean" | "median" | "keep";
  /** Targets that are numbers: class numbers or values as they are (default), or labels to number in sorted order. */
  readonly labels?: "as-is" | "sorted";
  /** How many classes the model knows, by target. */
  readonly classes?: Readonly<Record<string, number>>;
  /** A class number of targets that do not count; by default −100. */
  readonly ignoreIndex?: number;
}
