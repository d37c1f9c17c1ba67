package dev.serval.gpu.compute;

import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.Event;
import dev.serval.gpu.driver.HostMemory;
import dev.serval.gpu.driver.Stream;
import java.lang.foreign.MemorySegment;

/**
 * Brings any amount of bytes to the device through a bounded amount of pinned memory: one half is
 * filled while the other is copied.
 */
final class Upload implements AutoCloseable {
  private final Stream stream;
  private final long half;
  private final HostMemory pinned;
  private final Event[] copied;
  private int turn;

  /** Fills a piece of memory with the bytes from an offset on. */
  interface Source {
    void write(MemorySegment to, long from);
  }

  Upload(Context context, Stream stream, long half) {
    this.stream = stream;
    this.half = half;
    pinned = context.allocateHost(2 * half);
    copied = new Event[] {context.event(), context.event()};
  }

  private void piece(long target, long from, long bytes, Source source) {
    turn = 1 - turn;
    copied[turn].await();
    source.write(pinned.segment().asSlice(turn * half, bytes), from);
    stream.copyToDevice(target, pinned.address() + turn * half, bytes);
    stream.record(copied[turn]);
  }

  /** Brings all bytes to the device in the stream's order. */
  void all(long target, long bytes, Source source) {
    for (long at = 0; at < bytes; at += half) {
      piece(target + at, at, Math.min(half, bytes - at), source);
    }
  }

  /** Waits for what is under way and gives the pinned memory back. */
  @Override
  public void close() {
    for (Event event : copied) {
      event.await();
      event.close();
    }
    pinned.close();
  }
}
