package dev.serval.storage.safetensors.packed;

import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.safetensors.format.RawTensor;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.Supplier;

/** Gives tensors that a folder stores in pieces, or in a type of its own, as a model has them. */
interface Unpacking {
  /**
   * Takes those of a folder that are such.
   *
   * @param raw all tensors by name, of which it removes what it takes and what is of no use
   * @param made gets what they are to the model
   * @throws dev.serval.api.storage.CheckpointException when pieces are missing or do not fit
   *     together
   */
  void unpack(SortedMap<String, RawTensor> raw, Map<String, Supplier<StoredTensor>> made);
}
