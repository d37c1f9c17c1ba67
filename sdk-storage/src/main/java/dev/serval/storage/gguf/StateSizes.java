package dev.serval.storage.gguf;

/**
 * The sizes of layers that keep a state, under keys that are called as Mamba's are.
 *
 * @param taps how many rows the convolution before it sees
 * @param rows how many numbers a query or key has
 * @param groups how many heads have queries and keys of their own
 * @param heads how many there are in all
 * @param columns how many numbers a value of one has
 */
record StateSizes(long taps, long rows, long groups, long heads, long columns) {
  /** Those of a file; refused by their keys are such as are missing, 0 or do not divide. */
  static StateSizes read(Metadata metadata, Architecture architecture) {
    String ssm = architecture.key() + ".ssm.";
    return new StateSizes(
        metadata.requirePositive(ssm + "conv_kernel"),
        metadata.requirePositive(ssm + "state_size"),
        metadata.requirePositive(ssm + "group_count"),
        metadata.requirePositive(ssm + "time_step_rank"),
        columns(metadata, ssm + "inner_size", ssm + "time_step_rank"));
  }

  private static long columns(Metadata metadata, String ofAll, String count) {
    long all = metadata.requirePositive(ofAll);
    long heads = metadata.requirePositive(count);
    if (all % heads != 0) {
      throw metadata.problem(ofAll, "is %d, no multiple of %d heads".formatted(all, heads));
    }
    return all / heads;
  }
}
