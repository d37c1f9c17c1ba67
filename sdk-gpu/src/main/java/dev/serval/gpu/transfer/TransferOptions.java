package dev.serval.gpu.transfer;

import dev.serval.api.Bytes;

/**
 * How transfers are carried out.
 *
 * @param readers threads that read files and other memory of the host
 * @param slabs pinned slabs of each reader: one is read into while others are copied from
 * @param slab the size of a slab, a multiple of 4 KiB
 * @param urgentPiece the most bytes that an urgent batch gives to the device at once
 * @param backgroundPiece the most bytes that a batch in the background gives to the device at once;
 *     two such pieces may be under way
 * @param pastPageCache whether files are read past the system's page cache where it lets itself be
 *     passed
 */
public record TransferOptions(
    int readers,
    int slabs,
    Bytes slab,
    Bytes urgentPiece,
    Bytes backgroundPiece,
    boolean pastPageCache) {
  /** What files and drives can be counted on to be aligned to. */
  static final int PAGE = 4096;

  /** What suits a drive of some GB/s and one device. */
  public static final TransferOptions DEFAULTS =
      new TransferOptions(4, 3, Bytes.mebi(8), Bytes.mebi(64), Bytes.mebi(2), true);

  /** Refuses what cannot work. */
  public TransferOptions {
    if (readers < 1 || slabs < 2) {
      throw new IllegalArgumentException(
          "transfers take at least 1 reader and 2 slabs, not %d and %d".formatted(readers, slabs));
    }
    if (slab.count() < 2 * PAGE || slab.count() % PAGE != 0) {
      throw new IllegalArgumentException(
          "a slab is a multiple of 4 KiB, at least 8 KiB, not " + slab.count() + " bytes");
    }
    if (urgentPiece.count() < PAGE || backgroundPiece.count() < PAGE) {
      throw new IllegalArgumentException(
          "a piece has at least 4 KiB, unlike %s and %s".formatted(urgentPiece, backgroundPiece));
    }
  }

  /**
   * How much pinned memory the slabs take.
   *
   * @return the sum over all readers
   */
  public Bytes pinned() {
    return Bytes.of(slab.count() * slabs * readers);
  }
}
