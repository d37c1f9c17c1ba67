package dev.serval.api.compute;

/**
 * Names everything that makes two computations of the same KV block differ in their last bits: the
 * backend, its kernels' reduction order and the rounding of their inputs. Blocks computed under
 * different ids are never mixed.
 *
 * @param value the id, such as {@code cpu-java-1}; changes whenever results may
 */
public record NumericsId(String value) {
  /** Refuses an empty id. */
  public NumericsId {
    if (value.isBlank()) {
      throw new IllegalArgumentException("a numerics id is not blank");
    }
  }
}
