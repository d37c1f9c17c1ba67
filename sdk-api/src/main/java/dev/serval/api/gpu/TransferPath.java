package dev.serval.api.gpu;

/** The ways that bytes can go, the shortest first. */
public enum TransferPath {
  /** The device copies between regions; no processor touches a byte. */
  REGION_COPY("the device's copy between regions"),
  /** Drive and device move the bytes between themselves, past the host's memory. */
  FILE_TO_DEVICE("from the drive to the device, past the host's memory"),
  /**
   * The drive writes to pinned memory, past the system's page cache, and the device reads there.
   */
  DIRECT_READ("from the file by O_DIRECT into pinned memory"),
  /** The system copies from its page cache to pinned memory, and the device reads there. */
  CACHED_READ("from the file through the page cache into pinned memory"),
  /** A processor copies between memory of the host, mapped files included, and pinned memory. */
  STAGED_MEMORY("the host's memory by way of pinned memory");

  private final String words;

  TransferPath(String words) {
    this.words = words;
  }

  /** The way, in words. */
  @Override
  public String toString() {
    return words;
  }
}
