package dev.serval.models.cpu.attention;

import dev.serval.models.cpu.memory.KvElements;

/** Takes over keys and values of one key head, block after block. */
public interface SlotReader {
  /**
   * Widens consecutive slots of one block.
   *
   * @param elements those of the layer in the cache
   * @param keyHead where the head's keys begin in the cache, in bytes
   * @param valueHead where its values begin
   * @param slot the first slot
   * @param count how many slots
   * @param position which position of the stretch the first becomes
   */
  void read(KvElements elements, long keyHead, long valueHead, int slot, int count, int position);
}
