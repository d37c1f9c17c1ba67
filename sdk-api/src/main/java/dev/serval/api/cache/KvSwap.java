package dev.serval.api.cache;

/**
 * Room for KV blocks outside of the memory in which they are computed, such as the host's beside a
 * device. A cache moves blocks there before it hands them out anew, and brings them back in place
 * of having them computed again.
 *
 * <p>Moves take effect in the order in which they are asked for, before the next step computes.
 * They may be made only then: asking never waits and never fails. Those that are asked for ahead
 * may be made while that step computes, so that it does not wait for them: their blocks are not in
 * it. Belongs to the engine's thread.
 */
public interface KvSwap {
  /** No room. */
  KvSwap NONE =
      new KvSwap() {
        @Override
        public int slots() {
          return 0;
        }

        @Override
        public void save(int block, int slot) {
          throw new IndexOutOfBoundsException("there is no slot " + slot);
        }

        @Override
        public void load(int slot, int block) {
          throw new IndexOutOfBoundsException("there is no slot " + slot);
        }
      };

  /**
   * How many blocks it has room for.
   *
   * @return the number of slots
   */
  int slots();

  /**
   * Copies what a block holds to a slot.
   *
   * @param block of the KV memory
   * @param slot from 0
   */
  void save(int block, int slot);

  /**
   * Copies what a slot holds to a block.
   *
   * @param slot from 0
   * @param block of the KV memory
   */
  void load(int slot, int block);

  /**
   * Copies what a block holds to a slot, while the next step computes or before.
   *
   * @param block of the KV memory, which the next step does not use
   * @param slot from 0
   */
  default void saveAhead(int block, int slot) {
    save(block, slot);
  }

  /**
   * Copies what a slot holds to a block, while the next step computes or before.
   *
   * @param slot from 0
   * @param block of the KV memory, which the next step does not use
   */
  default void loadAhead(int slot, int block) {
    load(slot, block);
  }

  /** The step is over: what was asked for ahead so far is there for the next one. */
  default void settle() {}

  /**
   * How long the device has been moving blocks.
   *
   * @return nanoseconds in all; 0 where nobody measures it
   */
  default long nanos() {
    return 0;
  }
}
