package dev.serval.models.decoder.loading;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.Weight;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.decoder.tensors.NormTensors;
import dev.serval.models.decoder.tensors.TensorNeed;
import dev.serval.models.decoder.traits.NormGains;
import dev.serval.models.decoder.traits.RowNorms;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** A checkpoint's tensors as weights of a backend, of which it tells how many are there. */
final class CheckpointWeights {
  private static final String STAGE = "weights";

  private final Checkpoint checkpoint;
  private final ComputeBackend backend;
  private final LoadListener listener;
  private final int needed;
  private final Map<Integer, Weight> ones = new HashMap<>();
  private int loaded;

  /**
   * Loads nothing yet.
   *
   * @param needed how many tensors there will be
   */
  CheckpointWeights(
      Checkpoint checkpoint, ComputeBackend backend, LoadListener listener, int needed) {
    this.checkpoint = checkpoint;
    this.backend = backend;
    this.listener = listener;
    this.needed = needed;
  }

  /** Lets go of what has been read. */
  void release() {
    checkpoint.release();
  }

  /** Gains that change nothing, which all layers of a size share. */
  Weight ones(int length) {
    return ones.computeIfAbsent(length, _ -> backend.load(List.of(ComputedVector.ones(length))));
  }

  /** A tensor that becomes part of others, or of what is done, and no weight of its own. */
  StoredTensor ingredient(TensorNeed need) {
    count(1);
    return tensor(need);
  }

  /** None where there is nothing to load. */
  @Nullable Norm optionalNorm(NormTensors tensors, RowNorms norms, NormGains gains, float epsilon) {
    return tensors.gain().isEmpty() ? null : norm(tensors, norms, gains, epsilon);
  }

  /** A norm of rows. */
  Norm norm(NormTensors tensors, RowNorms norms, NormGains gains, float epsilon) {
    Weight gain = gains(tensors.gain(), gains);
    if (!norms.centred()) {
      return new Norm.RootMeanSquare(gain, epsilon);
    }
    NormGains whole = new NormGains(false, gains.divisor());
    return new Norm.Layer(gain, optionalGains(tensors.bias(), whole), epsilon);
  }

  @Nullable Weight optionalGains(List<TensorNeed> needs, NormGains gains) {
    return needs.isEmpty() ? null : gains(needs, gains);
  }

  /** What a norm multiplies by. */
  Weight gains(List<TensorNeed> needs, NormGains gains) {
    return computed(needs, stored -> ComputedVector.gains(stored, gains));
  }

  /** What is made of tensors one by one. */
  Weight computed(List<TensorNeed> needs, UnaryOperator<StoredTensor> stored) {
    return loaded(needs, needs.stream().map(this::tensor).map(stored).toList());
  }

  @Nullable Weight optional(List<TensorNeed> needs) {
    return needs.isEmpty() ? null : weight(needs);
  }

  /** Tensors, stacked. */
  Weight weight(List<TensorNeed> needs) {
    return loaded(needs, needs.stream().map(this::tensor).toList());
  }

  /** Tensors, stacked, with rows of zeros below up to a number. */
  Weight padded(List<TensorNeed> needs, int rows) {
    List<StoredTensor> tensors = new ArrayList<>(needs.stream().map(this::tensor).toList());
    long stored = tensors.stream().mapToLong(tensor -> tensor.shape().getFirst()).sum();
    if (stored < rows) {
      tensors.add(zeros(tensors.getLast(), rows - stored));
    }
    return loaded(needs, tensors);
  }

  /** Rows like those of a matrix; of no type do bytes of 0 stand for anything else. */
  private static StoredTensor zeros(StoredTensor matrix, long rows) {
    long columns = matrix.shape().getLast();
    MemorySegment data = Arena.ofAuto().allocate(matrix.dtype().bytes(rows * columns));
    return new StoredTensor("zeros", matrix.dtype(), List.of(rows, columns), data);
  }

  /** What the checkpoint has, the way round that is needed. */
  StoredTensor tensor(TensorNeed need) {
    StoredTensor stored = need.in(checkpoint);
    return need.reading() == TensorNeed.Reading.BY_COLUMN
        ? TransposedMatrix.of(List.of(stored.reshaped(need.shape())))
        : stored;
  }

  /** What stands for tensors that the model needs. */
  Weight loaded(List<TensorNeed> needs, List<StoredTensor> tensors) {
    Weight weight = backend.load(tensors);
    count(needs.size());
    return weight;
  }

  private void count(int tensors) {
    loaded += tensors;
    listener.progress(STAGE, loaded, needed);
  }
}
