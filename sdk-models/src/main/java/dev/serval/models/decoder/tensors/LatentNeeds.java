package dev.serval.models.decoder.tensors;

import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.LatentTraits;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Which tensors latent attention needs.
 *
 * @param traits what sets it apart
 */
record LatentNeeds(LatentTraits traits) {
  private static final String MAPS = "kv_b_proj";

  /** How the name of a tensor ends that has the maps of keys and of values. */
  static final String TOGETHER = ".self_attn." + MAPS + ".weight";

  /** Those of a layer whose tensors' names begin so. */
  MixerTensors.Latent of(DecoderShape shape, String layer) {
    String attention = layer + "self_attn.";
    int heads = shape.heads();
    int hidden = shape.hidden();
    String queries = traits.queryRank().isPresent() ? "q_b_proj" : "q_proj";
    return new MixerTensors.Latent(
        traits,
        ranked(rank -> map(attention + "q_a_proj", rank, hidden)),
        ranked(rank -> List.of(TensorNeed.vector(attention + "q_a_layernorm.weight", rank))),
        map(attention + queries, heads * traits.headDim(), traits.queryRank().orElse(hidden)),
        map(attention + "kv_a_proj_with_mqa", traits.keyDim(), hidden),
        List.of(TensorNeed.vector(attention + "kv_a_layernorm.weight", traits.rank())),
        IntStream.range(0, heads).mapToObj(head -> keyMap(attention, heads, head)).toList(),
        IntStream.range(0, heads).mapToObj(head -> valueMap(attention, heads, head)).toList());
  }

  private List<TensorNeed> ranked(Function<Integer, List<TensorNeed>> needs) {
    return traits.queryRank().isPresent() ? needs.apply(traits.queryRank().getAsInt()) : List.of();
  }

  private static List<TensorNeed> map(String name, int rows, int columns) {
    return LinearNeed.weights(new LinearNeed(name, rows, columns));
  }

  private List<TensorNeed> keyMap(String attention, int heads, int head) {
    return traits.apart()
        ? List.of(
            TensorNeed.matrixOf(
                attention + "k_b_proj.weight", head, heads, traits.rank(), traits.unturned()))
        : TensorNeed.byElement(
            together(attention, heads, head * traits.headRows(), traits.unturned()));
  }

  private List<TensorNeed> valueMap(String attention, int heads, int head) {
    return traits.apart()
        ? List.of(
            TensorNeed.matrixOf(
                attention + "v_b_proj.weight", head, heads, traits.valueDim(), traits.rank()))
        : together(
            attention, heads, head * traits.headRows() + traits.unturned(), traits.valueDim());
  }

  /** Some rows of the one tensor, as parts of it that are all equally long. */
  private List<TensorNeed> together(String attention, int heads, int first, int count) {
    int rows = traits.partRows();
    int parts = heads * traits.headRows() / rows;
    IntStream which = IntStream.range(first / rows, (first + count) / rows);
    return LinearNeed.weights(LinearNeed.some(attention + MAPS, rows, traits.rank(), parts, which));
  }
}
