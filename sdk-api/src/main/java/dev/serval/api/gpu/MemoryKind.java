package dev.serval.api.gpu;

/** The kinds of memory that a device's own copies can read and write. */
public enum MemoryKind {
  /** The device's own memory, which the host cannot address. */
  DEVICE("device memory"),
  /** Memory of the host that stays where it is, so that the device can reach it. */
  PINNED("pinned memory");

  private final String words;

  MemoryKind(String words) {
    this.words = words;
  }

  /** In words, such as {@code device memory}. */
  @Override
  public String toString() {
    return words;
  }
}
