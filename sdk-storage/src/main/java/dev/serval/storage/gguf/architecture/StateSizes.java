package dev.serval.storage.gguf.architecture;

/**
 * The sizes of layers that keep a state, under keys that are called as Mamba's are.
 *
 * @param taps how many rows the convolution before it sees
 * @param rows how many numbers a query or key has
 * @param groups how many heads have queries and keys of their own
 * @param heads how many there are in all
 * @param columns how many numbers a value of one has
 */
public record StateSizes(long taps, long rows, long groups, long heads, long columns) {
  private static final String OF_ALL = "ssm.inner_size";
  private static final String COUNT = "ssm.time_step_rank";

  /** Those of a file; refused by their keys are such as are missing, 0 or do not divide. */
  public static StateSizes read(ModelMetadata metadata) {
    return new StateSizes(
        metadata.requirePositive("ssm.conv_kernel"),
        metadata.requirePositive("ssm.state_size"),
        metadata.requirePositive("ssm.group_count"),
        metadata.requirePositive(COUNT),
        columns(metadata));
  }

  private static long columns(ModelMetadata metadata) {
    long all = metadata.requirePositive(OF_ALL);
    long heads = metadata.requirePositive(COUNT);
    if (all % heads != 0) {
      throw metadata.problem(OF_ALL, "is %d, no multiple of %d heads".formatted(all, heads));
    }
    return all / heads;
  }

  /**
   * Puts the fields of layers that are state spaces, as Mamba 2 has them. Converters store what a
   * state decays by, and not the logarithm.
   */
  public static void mamba(StoredModel model, Fields fields) {
    StateSizes sizes = read(model.metadata());
    fields.put("mamba_n_heads", sizes.heads);
    fields.put("mamba_d_head", sizes.columns);
    fields.put("mamba_n_groups", sizes.groups);
    fields.put("mamba_d_state", sizes.rows);
    fields.put("mamba_d_conv", sizes.taps);
    fields.put("mamba_conv_bias", model.weights().convolutionBias());
    fields.put("linear_decay_logarithms", false);
  }
}
