package dev.serval.models.decoder.tensors;

import dev.serval.models.decoder.traits.DecoderShape;
import java.util.List;
import java.util.stream.Stream;

/** What a norm of rows needs: nothing if there is none. */
public record NormTensors(List<TensorNeed> gain, List<TensorNeed> bias) {
  static final NormTensors NONE = new NormTensors(List.of(), List.of());

  Stream<List<TensorNeed>> all() {
    return Stream.of(gain, bias);
  }

  /** Those of a norm of so called. */
  static NormTensors of(DecoderShape shape, String name) {
    return new NormTensors(
        vector(name + ".weight", shape),
        shape.traits().norms().bias() ? vector(name + ".bias", shape) : List.of());
  }

  private static List<TensorNeed> vector(String name, DecoderShape shape) {
    return List.of(TensorNeed.vector(name, shape.hidden()));
  }
}
