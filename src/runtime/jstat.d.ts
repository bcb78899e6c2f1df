/** What is used of jStat 1.9, which has no types. */
declare module "jstat" {
  const jStat: {
    /** The regularized incomplete beta function I_x(a, b). */
    readonly ibeta: (x: number, a: number, b: number) => number;
    readonly studentt: {
      /** The quantile of Student's t. */
      readonly inv: (probability: number, degreesOfFreedom: number) => number;
    };
  };
  export default jStat;
}
