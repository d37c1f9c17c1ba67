package dev.serval.api.model;

import dev.serval.api.LoadListener;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import java.util.List;
import java.util.Set;

/**
 * A family of models that share a forward pass. Implementations are found by {@link
 * java.util.ServiceLoader} or given to the runtime, and have no state; adding a family is adding
 * one of these.
 */
public interface ModelFamily {
  /**
   * The family's name.
   *
   * @return a short name, such as {@code llama}
   */
  String name();

  /**
   * The architectures it runs.
   *
   * @return names as the field {@code architectures} of {@code config.json} has them
   */
  Set<String> architectures();

  /**
   * Reads and checks a checkpoint's configuration and the presence, type and shape of every tensor.
   * A field that the forward pass cannot honour is an error, not a guess.
   *
   * @param checkpoint the checkpoint
   * @return what the model is
   * @throws dev.serval.api.storage.CheckpointException when it cannot be run, naming the field or
   *     tensor
   */
  ModelSpec inspect(Checkpoint checkpoint);

  /**
   * The weights that {@link #load} brings to a backend, for whoever plans with their size.
   *
   * @param checkpoint a checkpoint that {@link #inspect} accepts
   * @return each weight's tensors, as they are given to {@link ComputeBackend#load}; each tensor of
   *     the checkpoint by itself where a family does not say otherwise
   */
  default List<List<StoredTensor>> weights(Checkpoint checkpoint) {
    return checkpoint.tensorNames().stream().map(name -> List.of(checkpoint.tensor(name))).toList();
  }

  /**
   * Loads a model onto a backend, on the thread that opened it. The executor refers to the
   * checkpoint's tensors and the backend's memory; both outlive it.
   *
   * @param checkpoint a checkpoint that {@link #inspect} accepts
   * @param backend where to compute
   * @param kv the engine's KV memory, laid out as the spec demands
   * @param limits the largest step
   * @param listener hears how far loading has come, in tensors
   * @return the executor
   * @throws dev.serval.api.device.OutOfNativeMemoryException when its weights and buffers do not
   *     fit
   * @throws dev.serval.api.device.DeviceGoneException when the device is lost meanwhile
   */
  ModelExecutor load(
      Checkpoint checkpoint,
      ComputeBackend backend,
      KvMemory kv,
      StepLimits limits,
      LoadListener listener);
}
