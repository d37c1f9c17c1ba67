package dev.serval.gpu.compute;

import dev.serval.api.cache.KvSwap;
import dev.serval.gpu.driver.CopyBatch;
import dev.serval.gpu.driver.PinnedSegment;
import dev.serval.gpu.driver.Stream;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Objects;

/**
 * Pinned memory of the host for KV blocks. Moves are noted, and made before the next step on the
 * stream that computes: what reads a block comes after it was brought back, and what writes to it
 * after it was saved, without anybody waiting. Many are one call of the driver's.
 *
 * <p>Copies of one call have no order among themselves, so a block or a slot that is met a second
 * time begins another call. What a call that fails was to move is moved by the next step again:
 * nothing in a call depends on anything else in it.
 */
final class CudaKvSwap implements KvSwap {
  private static final int MOST_COPIES = 256;
  private static final int LEAST_ROOM = 64;

  private final CudaKvMemory kv;
  private final PinnedSegment memory;
  private final int slots;
  private final CopyBatch copies = new CopyBatch(MOST_COPIES, Arena.ofAuto());

  /** Which call of the driver's last met a block, or a slot. */
  private final int[] blockCall;

  private final int[] slotCall;
  private int call = 1;

  /** The moves that are to be made: a slot that is loaded from is noted as its complement. */
  private int[] blocks = new int[LEAST_ROOM];

  private int[] targets = new int[LEAST_ROOM];
  private int count;
  private int made;

  CudaKvSwap(CudaKvMemory kv, PinnedSegment memory, int slots) {
    this.kv = kv;
    this.memory = memory;
    this.slots = slots;
    blockCall = new int[kv.blocks()];
    slotCall = new int[slots];
  }

  @Override
  public int slots() {
    return slots;
  }

  @Override
  public void save(int block, int slot) {
    note(block, slot, slot);
  }

  @Override
  public void load(int slot, int block) {
    note(block, slot, ~slot);
  }

  private void note(int block, int slot, int target) {
    Objects.checkIndex(block, kv.blocks());
    Objects.checkIndex(slot, slots);
    if (count == blocks.length) {
      blocks = Arrays.copyOf(blocks, 2 * count);
      targets = Arrays.copyOf(targets, 2 * count);
    }
    blocks[count] = block;
    targets[count++] = target;
  }

  /** Gives the stream what was noted. */
  void move(Stream stream) {
    while (made < count) {
      int end = gather();
      stream.copy(copies);
      made = end;
    }
    made = 0;
    count = 0;
  }

  /** Gathers the copies of a call, and says where the next one begins. */
  private int gather() {
    copies.clear();
    call++;
    int at = made;
    while (at < count && copies.count() < copies.capacity() && isNew(at)) {
      add(blocks[at], targets[at]);
      at++;
    }
    return at;
  }

  private boolean isNew(int at) {
    int slot = slot(targets[at]);
    boolean met = blockCall[blocks[at]] == call || slotCall[slot] == call;
    blockCall[blocks[at]] = call;
    slotCall[slot] = call;
    return !met;
  }

  private void add(int block, int target) {
    long bytes = kv.layout().blockBytes();
    long onDevice = kv.address() + block * bytes;
    long onHost = memory.segment().address() + slot(target) * bytes;
    boolean loads = target < 0;
    copies.add(loads ? onDevice : onHost, loads ? onHost : onDevice, bytes);
  }

  private static int slot(int target) {
    return target < 0 ? ~target : target;
  }
}
