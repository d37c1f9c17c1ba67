package dev.serval.gpu.compute;

import dev.serval.api.cache.KvSwap;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.CopyBatch;
import dev.serval.gpu.driver.Event;
import dev.serval.gpu.driver.PinnedSegment;
import dev.serval.gpu.driver.Stream;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Objects;

/**
 * Pinned memory of the host for KV blocks. Moves are noted, and made before the next step on the
 * stream that computes: what reads a block comes after it was brought back, and what writes to it
 * after it was saved, without anybody waiting. Many are one call of the driver's. Those that were
 * asked for ahead go to a stream of their own beside the step, when that has been launched, and the
 * next step waits for them.
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
  private final Lane beside;
  private final Lane before;

  /** Where the stream that computes stood when a step's own moves had been given to it. */
  private final Event given;

  /** Which call of the driver's last met a block, or a slot. */
  private final int[] blockCall;

  private final int[] slotCall;
  private int call = 1;

  /** The moves that are to be made: a slot that is loaded from is noted as its complement. */
  private int[] blocks = new int[LEAST_ROOM];

  private int[] targets = new int[LEAST_ROOM];
  private int count;

  /** Those up to here are for the next step, the others for the one after it. */
  private int due;

  private int made;

  /**
   * In pinned memory.
   *
   * @param kv what is moved
   * @param memory room for so many blocks
   * @param slots how many
   * @param context where streams and marks are made
   * @param computing the stream that computes
   */
  CudaKvSwap(CudaKvMemory kv, PinnedSegment memory, int slots, Context context, Stream computing) {
    this.kv = kv;
    this.memory = memory;
    this.slots = slots;
    before = new Lane(computing, context);
    beside = new Lane(context.stream(), context);
    given = context.event();
    blockCall = new int[kv.blocks()];
    slotCall = new int[slots];
  }

  /** Moves on a stream, between two marks that know the time. */
  private static final class Lane {
    private final Stream stream;
    private final Event begin;
    private final Event end;
    private boolean timed;
    private long nanos;

    Lane(Stream stream, Context context) {
      this.stream = stream;
      begin = context.timedEvent();
      end = context.timedEvent();
    }

    void begin() {
      stream.record(begin);
    }

    void end() {
      stream.record(end);
      timed = true;
    }

    /** Counts the time of the last moves, if they are done. */
    void count() {
      if (timed && end.reached()) {
        nanos += begin.until(end).toNanos();
        timed = false;
      }
    }

    /** As before, after the moves are done. */
    void finish() {
      if (timed) {
        end.await();
        count();
      }
    }
  }

  @Override
  public int slots() {
    return slots;
  }

  @Override
  public void save(int block, int slot) {
    note(block, slot, slot);
    due = count;
  }

  @Override
  public void load(int slot, int block) {
    note(block, slot, ~slot);
    due = count;
  }

  @Override
  public void saveAhead(int block, int slot) {
    note(block, slot, slot);
  }

  @Override
  public void loadAhead(int slot, int block) {
    note(block, slot, ~slot);
  }

  /** What no step has made so far is made before the next one. */
  @Override
  public void settle() {
    due = count;
  }

  @Override
  public long nanos() {
    before.count();
    beside.count();
    return before.nanos + beside.nanos;
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

  /** Gives the stream that computes what is due: what it is given from now on comes after that. */
  void move() {
    if (beside.timed) {
      before.stream.waitFor(beside.end);
    }
    if (due > made) {
      move(before, due);
    }
    if (count > made) {
      before.stream.record(given);
      beside.stream.waitFor(given);
    }
  }

  /**
   * Gives the stream beside it the rest, when the step has been given to the device and there is
   * time: nobody waits for the calls then.
   */
  void moveBeside() {
    if (count > made) {
      move(beside, count);
    }
    made = 0;
    count = 0;
    due = 0;
  }

  private void move(Lane lane, int end) {
    lane.finish();
    lane.begin();
    try {
      while (made < end) {
        int next = gather(end);
        lane.stream.copy(copies);
        made = next;
      }
    } finally {
      lane.end(); // what was given before a refusal is waited for as well
    }
  }

  /** Gathers the copies of a call, and says where the next one begins. */
  private int gather(int end) {
    copies.clear();
    call++;
    int at = made;
    while (at < end && copies.count() < copies.capacity() && isNew(at)) {
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
