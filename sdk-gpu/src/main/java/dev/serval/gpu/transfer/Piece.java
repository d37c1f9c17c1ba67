package dev.serval.gpu.transfer;

import dev.serval.api.gpu.Transfer;
import dev.serval.api.gpu.TransferBatch;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A part of a transfer that goes through one slab. Filled again and again by its reader. */
final class Piece {
  private @Nullable TransferBatch batch;
  private @Nullable Transfer transfer;
  private long offset;
  private long bytes;

  /** Takes a part of a transfer, for which the batch has begun a share. */
  void take(TransferBatch of, Transfer part, long from, long length) {
    batch = of;
    transfer = part;
    offset = from;
    bytes = length;
  }

  /** Forgets what it was, so that nothing is kept from being collected. */
  void forget() {
    batch = null;
    transfer = null;
  }

  TransferBatch batch() {
    return Objects.requireNonNull(batch, "batch");
  }

  Transfer transfer() {
    return Objects.requireNonNull(transfer, "transfer");
  }

  /** Where it begins in the transfer. */
  long offset() {
    return offset;
  }

  long bytes() {
    return bytes;
  }
}
