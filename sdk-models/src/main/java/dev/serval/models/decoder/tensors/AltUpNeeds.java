package dev.serval.models.decoder.tensors;

import dev.serval.models.decoder.traits.AltUpTraits;
import dev.serval.models.decoder.traits.DecoderShape;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Which tensors several streams need.
 *
 * @param shape the model
 * @param traits what they are
 */
record AltUpNeeds(DecoderShape shape, AltUpTraits traits) {
  private static final String BEGIN = "model.altup_projections.";
  private static final String END = "model.altup_unembed_projections.";

  AltUpTensors outer() {
    return new AltUpTensors(maps(BEGIN), maps(END));
  }

  private List<List<TensorNeed>> maps(String name) {
    int count = traits.streams() - 1;
    int hidden = shape.hidden();
    return IntStream.range(0, count)
        .mapToObj(map ->
            traits.together()
                ? TensorNeed.matrixOf(name + "weight", map, count, hidden, hidden)
                : TensorNeed.matrix(name + map + ".weight", hidden, hidden))
        .map(List::of)
        .toList();
  }

  /** Those of a layer whose tensors' names begin so. */
  AltUpTensors.Layer of(String layer, NormTensors attentionNorm) {
    String altUp = layer + "altup.";
    String laurel = layer + "laurel.";
    int streams = traits.streams();
    int hidden = shape.hidden();
    return new AltUpTensors.Layer(
        NormTensors.of(shape, altUp + "router_norm"),
        weights(altUp + "modality_router", streams, hidden),
        weights(altUp + "prediction_coefs", streams * streams, streams),
        corrections(altUp + "correction_coefs"),
        traits.scaled()
            ? List.of(TensorNeed.vector(altUp + "correct_output_scale", hidden))
            : List.of(),
        new AltUpTensors.Laurel(
            attentionNorm,
            weights(laurel + "linear_left", traits.rank(), hidden),
            weights(laurel + "linear_right", hidden, traits.rank()),
            NormTensors.of(shape, laurel + "post_laurel_norm")));
  }

  private List<TensorNeed> corrections(String name) {
    List<TensorNeed> needs = weights(name, traits.streams(), traits.streams());
    return traits.clip().isPresent() ? TensorNeed.byElement(needs) : needs;
  }

  private static List<TensorNeed> weights(String name, int rows, int columns) {
    return LinearNeed.weights(new LinearNeed(name, rows, columns));
  }
}
