package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.StepBatch;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A step as kernels read it: {@code Step} of {@code abi.h} and its arrays. Written for each step
 * into memory that one copy brings to the device, and knows what it wrote last. Takes nothing from
 * the heap.
 */
final class StepImage {
  private static final int ALIGNMENT = 16;
  private static final int ARRAYS = 12;
  private static final int INT = Integer.BYTES;
  private static final long HEADER = aligned(Abi.STEP.size());

  private static final long ROWS = Abi.STEP.offset("rows");
  private static final long SEQUENCES = Abi.STEP.offset("sequences");
  private static final long LOGIT_ROWS = Abi.STEP.offset("logitRows");
  private static final long TILES = Abi.STEP.offset("tiles");
  private static final long PARTS = Abi.STEP.offset("parts");
  private static final long DRAWS = Abi.STEP.offset("draws");
  private static final long TOKENS = Abi.STEP.offset("tokens");
  private static final long POSITIONS = Abi.STEP.offset("positions");
  private static final long SEQUENCE_OF = Abi.STEP.offset("sequenceOf");
  private static final long FIRST_ROW = Abi.STEP.offset("firstRow");
  private static final long LOGIT_SOURCE = Abi.STEP.offset("logitSource");
  private static final long TILE_OF = Abi.STEP.offset("tileOf");
  private static final long PART_OF = Abi.STEP.offset("partOf");
  private static final long TABLE_BEGIN = Abi.STEP.offset("tableBegin");
  private static final long BLOCKS = Abi.STEP.offset("blocks");
  private static final long DRAW_OF = Abi.STEP.offset("drawOf");
  private static final long BIASES = Abi.STEP.offset("biases");

  private MemorySegment to = MemorySegment.NULL;
  private long end;
  private int rows;
  private int sequences;
  private int logitRows;
  private int tiles;
  private int parts;
  private int draws;
  private int smallestToken;
  private int largestToken;
  private int smallestBlock;
  private int largestBlock;
  private int longest;
  private @Nullable CudaKvMemory checked;

  /** How much room a step takes at most. */
  static long room(StepBatch batch, int tileRows) {
    long ints = 3L * batch.rows() + 3L * batch.sequences() + batch.logitRows() + 1;
    long draws = 0;
    for (int i = 0; i < batch.sequences(); i++) {
      int count = batch.firstRow(i + 1) - batch.firstRow(i);
      ints += batch.blockTable(i).size();
      ints += count == 1 ? 2L * partsOf(batch, i) : 3L * Math.ceilDiv(count, tileRows);
      if (batch.sampler(i) instanceof DeviceSampler sampler) {
        draws += Abi.DRAW.size() + Abi.BIAS.size() * sampler.biases();
      }
    }
    return HEADER + INT * ints + draws + ARRAYS * ALIGNMENT;
  }

  private static int partsOf(StepBatch batch, int sequence) {
    return batch.position(batch.firstRow(sequence)) / Abi.PART + 1;
  }

  private static long aligned(long offset) {
    return Math.ceilDiv(offset, ALIGNMENT) * ALIGNMENT;
  }

  /**
   * Writes a step.
   *
   * @param batch the step
   * @param tileRows the most rows of a tile
   * @param owner whose samplers draw on the device
   * @param memory has {@link #room} for it
   */
  void write(StepBatch batch, int tileRows, CudaBackend owner, MemorySegment memory) {
    to = memory;
    end = HEADER;
    checked = null;
    rows = batch.rows();
    sequences = batch.sequences();
    logitRows = batch.logitRows();
    writeRows(batch);
    writeRuns(batch);
    writeTables(batch);
    writeTiles(batch, tileRows);
    writeParts(batch);
    writeDraws(batch, owner);
    to.set(JAVA_INT, ROWS, rows);
    to.set(JAVA_INT, SEQUENCES, sequences);
    to.set(JAVA_INT, LOGIT_ROWS, logitRows);
    to.set(JAVA_INT, TILES, tiles);
    to.set(JAVA_INT, PARTS, parts);
    to.set(JAVA_INT, DRAWS, draws);
    to = MemorySegment.NULL;
  }

  /** Writes a step that only draws, by one sampler from one row. */
  void writeDraw(DeviceSampler sampler, int row, MemorySegment memory) {
    to = memory;
    memory.asSlice(0, HEADER).fill((byte) 0);
    end = HEADER;
    rows = 0;
    sequences = 0;
    logitRows = 0;
    tiles = 0;
    parts = 0;
    draws = 1;
    begin(DRAW_OF);
    sampler.write(to, end, row, 0, 0);
    end += Abi.DRAW.size();
    begin(BIASES);
    end = sampler.writeBiases(to, end);
    to.set(JAVA_INT, DRAWS, draws);
    to = MemorySegment.NULL;
  }

  /** How much room a step takes that only draws. */
  static long room(DeviceSampler sampler) {
    return HEADER + Abi.DRAW.size() + Abi.BIAS.size() * sampler.biases() + ARRAYS * ALIGNMENT;
  }

  /** Begins an array where the one before it ended. */
  private void begin(long field) {
    end = aligned(end);
    to.set(JAVA_INT, field, (int) end);
  }

  private void put(int value) {
    to.set(JAVA_INT, end, value);
    end += INT;
  }

  private void writeRows(StepBatch batch) {
    smallestToken = Integer.MAX_VALUE;
    largestToken = Integer.MIN_VALUE;
    begin(TOKENS);
    for (int row = 0; row < rows; row++) {
      int token = batch.token(row);
      smallestToken = Math.min(smallestToken, token);
      largestToken = Math.max(largestToken, token);
      put(token);
    }
    begin(POSITIONS);
    for (int row = 0; row < rows; row++) {
      put(batch.position(row));
    }
    begin(SEQUENCE_OF);
    for (int row = 0; row < rows; row++) {
      put(batch.sequenceOf(row));
    }
  }

  private void writeRuns(StepBatch batch) {
    longest = 0;
    begin(FIRST_ROW);
    for (int i = 0; i <= sequences; i++) {
      put(batch.firstRow(i));
    }
    begin(LOGIT_SOURCE);
    for (int i = 0; i < sequences; i++) {
      int last = batch.firstRow(i + 1) - 1;
      longest = Math.max(longest, batch.position(last) + 1);
      for (int row = batch.firstWantedRow(i); row <= last; row++) {
        put(row);
      }
    }
  }

  private void writeTables(StepBatch batch) {
    smallestBlock = 0;
    largestBlock = -1;
    begin(TABLE_BEGIN);
    int before = 0;
    for (int i = 0; i < sequences; i++) {
      put(before);
      before += batch.blockTable(i).size();
    }
    begin(BLOCKS);
    for (int i = 0; i < sequences; i++) {
      BlockTable table = batch.blockTable(i);
      for (int index = 0; index < table.size(); index++) {
        int block = table.block(index);
        smallestBlock = Math.min(smallestBlock, block);
        largestBlock = Math.max(largestBlock, block);
        put(block);
      }
    }
  }

  /** The runs of several rows in pieces, from the last rows to the first: those see most. */
  private void writeTiles(StepBatch batch, int tileRows) {
    tiles = 0;
    begin(TILE_OF);
    for (int i = 0; i < sequences; i++) {
      int first = batch.firstRow(i);
      int count = batch.firstRow(i + 1) - first;
      if (count > 1) {
        for (int at = (count - 1) / tileRows * tileRows; at >= 0; at -= tileRows) {
          put(i);
          put(first + at);
          put(Math.min(tileRows, count - at));
          tiles++;
        }
      }
    }
  }

  private void writeParts(StepBatch batch) {
    parts = 0;
    begin(PART_OF);
    for (int i = 0; i < sequences; i++) {
      if (batch.firstRow(i + 1) - batch.firstRow(i) == 1) {
        int count = partsOf(batch, i);
        for (int part = 0; part < count; part++) {
          put(i);
          put(part);
        }
        parts += count;
      }
    }
  }

  private void writeDraws(StepBatch batch, CudaBackend owner) {
    draws = 0;
    int biases = 0;
    begin(DRAW_OF);
    for (int i = 0; i < sequences; i++) {
      if (batch.sampler(i) instanceof DeviceSampler sampler && sampler.owner() == owner) {
        sampler.write(to, end, batch.logitRow(i), biases, draws);
        end += Abi.DRAW.size();
        biases += sampler.biases();
        draws++;
      }
    }
    begin(BIASES);
    for (int i = 0; i < sequences; i++) {
      if (batch.sampler(i) instanceof DeviceSampler sampler && sampler.owner() == owner) {
        end = sampler.writeBiases(to, end);
      }
    }
  }

  /** Whether it was seen that all blocks are in some memory. */
  @SuppressWarnings("ReferenceEquality") // it is about this one
  boolean isCheckedFor(CudaKvMemory kv) {
    return checked == kv;
  }

  /** All blocks are in this memory. */
  void checkedFor(CudaKvMemory kv) {
    checked = kv;
  }

  /** How many bytes were written. */
  long bytes() {
    return end;
  }

  int rows() {
    return rows;
  }

  int sequences() {
    return sequences;
  }

  int logitRows() {
    return logitRows;
  }

  int tiles() {
    return tiles;
  }

  int parts() {
    return parts;
  }

  int draws() {
    return draws;
  }

  int smallestToken() {
    return smallestToken;
  }

  int largestToken() {
    return largestToken;
  }

  int smallestBlock() {
    return smallestBlock;
  }

  int largestBlock() {
    return largestBlock;
  }

  /** How many positions the longest sequence has. */
  int longest() {
    return longest;
  }
}
