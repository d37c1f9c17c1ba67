package dev.serval.models.cpu.memory;

import java.lang.foreign.MemorySegment;

/** Has memory brought into the caches that will be read soon, where a tier can ask for that. */
public interface Prefetch {
  /** For tiers without an instruction for it. */
  Prefetch NONE = (data, at, bytes) -> {};

  /**
   * Asks for consecutive bytes, and does not wait for them.
   *
   * @param data what they are part of
   * @param at where they begin
   * @param bytes how many there are
   */
  void ask(MemorySegment data, long at, long bytes);
}
