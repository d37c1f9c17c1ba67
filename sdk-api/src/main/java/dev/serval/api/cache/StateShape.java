package dev.serval.api.cache;

/**
 * What layers keep of a sequence that carry a state along in place of keys and values: as much for
 * ten tokens as for a hundred thousand.
 *
 * @param layers how many such layers there are
 * @param bytes how much each of them keeps
 */
public record StateShape(int layers, long bytes) {
  /** Of models without such layers. */
  public static final StateShape NONE = new StateShape(0, 0);

  /** Refuses negative sizes. */
  public StateShape {
    if (layers < 0 || bytes < 0) {
      throw new IllegalArgumentException(
          "at least 0 layers have a state of at least 0 bytes, unlike %d, %d"
              .formatted(layers, bytes));
    }
  }

  /**
   * What all of them keep.
   *
   * @return bytes of one sequence
   */
  public long sequenceBytes() {
    return layers * bytes;
  }
}
