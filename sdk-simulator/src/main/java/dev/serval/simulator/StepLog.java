package dev.serval.simulator;

import dev.serval.api.batching.SequenceOutcome;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.StepBatch;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * All that happened, as a hash: every step with its time and, for each of its runs, what it
 * computes and where; every arrival, refusal and end.
 */
final class StepLog {
  private static final int ROOM = 1 << 16;
  private static final int LARGEST_ENTRY = 64;

  private final MessageDigest sha;
  private final ByteBuffer entries = ByteBuffer.allocate(ROOM);

  StepLog() {
    try {
      sha = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  void step(long begin, long nanos, StepBatch batch) {
    room().put((byte) 's').putLong(begin).putLong(nanos).putInt(batch.sequences());
    for (int i = 0; i < batch.sequences(); i++) {
      int row = batch.firstRow(i);
      BlockTable table = batch.blockTable(i);
      room()
          .putInt(batch.token(row))
          .putInt(batch.position(row))
          .putInt(batch.firstRow(i + 1) - row)
          .putInt(table.size())
          .putInt(table.block(table.size() - 1));
    }
  }

  void arrival(int request, long nanos, boolean admitted) {
    room().put((byte) (admitted ? 'a' : 'r')).putInt(request).putLong(nanos);
  }

  void end(int request, SequenceOutcome outcome) {
    room()
        .put((byte) 'e')
        .putInt(request)
        .putLong(outcome.endedNanos())
        .putInt(outcome.reason().name().charAt(0))
        .putInt(outcome.generatedTokens())
        .putInt(outcome.cachedPromptTokens())
        .putInt(outcome.preemptions());
  }

  private ByteBuffer room() {
    if (entries.remaining() < LARGEST_ENTRY) {
      flush();
    }
    return entries;
  }

  private void flush() {
    sha.update(entries.flip());
    entries.clear();
  }

  /** The hash over everything; nothing is logged afterwards. */
  String hash() {
    flush();
    return HexFormat.of().formatHex(sha.digest());
  }
}
