package dev.serval.models.family;

import dev.serval.models.family.DecoderTraits.Multipliers;
import dev.serval.models.family.RotaryFrequencies.Turning;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Latent attention (DeepSeek-V2, <a href="https://arxiv.org/abs/2405.04434">arXiv:2405.04434</a>,
 * section 2.1): keys and values of all heads are made of one vector of a token, which is what is
 * kept of it, and of a few dimensions that positions turn. The maps that would make keys of it are
 * taken into queries, and those that would make values of it into the output, so that heads attend
 * to what is kept.
 *
 * @param queryRank how many dimensions queries are made of, if they are made of fewer than a row's
 * @param rank how many dimensions that vector has
 * @param unturned how many dimensions of a head's query and key positions do not turn
 * @param turned how many they do, behind the others
 * @param valueDim how many dimensions a head's value has
 * @param apart whether a checkpoint has the maps that make keys and values in a tensor each, those
 *     of keys the other way round, and not in one tensor
 */
record LatentTraits(
    OptionalInt queryRank, int rank, int unturned, int turned, int valueDim, boolean apart) {

  private static final String HEADS = "num_attention_heads";

  /** More than any model has, and few enough to be listed. */
  private static final int MOST_PARTS = 1 << 16;

  private static final String MAPS = "kv_b_proj";

  /** How the name of a tensor ends that has both maps. */
  static final String TOGETHER = ".self_attn." + MAPS + ".weight";

  static LatentTraits read(ModelConfig config) {
    int unturned = config.count("qk_nope_head_dim");
    int turned = config.count("qk_rope_head_dim");
    if (turned % 2 != 0) {
      throw config.refuse("qk_rope_head_dim", "an even number");
    }
    config.ignore("auto_map");
    config.ignore("head_dim");
    config.ignore("qk_head_dim");
    config.ignore("num_key_value_heads");
    return new LatentTraits(
        config.optionalCount("q_lora_rank"),
        config.count("kv_lora_rank"),
        unturned,
        turned,
        config.count("v_head_dim"),
        config.flag("kv_b_apart", false));
  }

  /** What all of its families begin with. */
  static DecoderTraits.Builder attention(ModelConfig config) {
    LatentTraits latent = read(config);
    double scores = Math.pow(sharpened(config), 2) / Math.sqrt(latent.headDim());
    return DecoderTraits.with(LayerWindows.none(config))
        .latent(latent)
        .turning(new Turning(1, config.flag("rope_interleave", true)))
        .multipliers(new Multipliers(1, 1, Optional.of(scores), 1));
  }

  /** By what queries and keys of a longer context are multiplied, all of their dimensions. */
  private static double sharpened(ModelConfig config) {
    Optional<ModelConfig> scaling =
        config
            .part(RotaryFrequencies.SCALING)
            .or(() -> config.part(RotaryFrequencies.PARAMETERS))
            .filter(fields -> fields.has(RotaryScaling.OF_ALL));
    return scaling
        .map(fields ->
            RotaryScaling.Yarn.usualFactor(
                fields.positive("factor"), fields.positive(RotaryScaling.OF_ALL)))
        .orElse(1.0);
  }

  /** How many dimensions a head's query has before it becomes one of what is kept. */
  int headDim() {
    return unturned + turned;
  }

  /** How many dimensions are kept of a token. */
  int keyDim() {
    return rank + turned;
  }

  /** Refuses so many heads that rows would be too long or maps of too many parts. */
  void check(ModelConfig config, int heads) {
    long widest = Math.max((long) rank + turned, (long) unturned + Math.max(turned, valueDim));
    if ((heads + 1L) * widest > Integer.MAX_VALUE) {
      throw config.refuse(
          HEADS, "a number whose heads of %d fit into 2^31 columns".formatted(widest));
    }
    if ((long) heads * headRows() / partRows() > MOST_PARTS) {
      throw config.refuse(
          HEADS,
          "a number whose heads' %d rows of maps are up to %d parts of %d together"
              .formatted(headRows(), MOST_PARTS, partRows()));
    }
  }

  /** What it needs of a layer whose tensors' names begin so. */
  MixerTensors.Latent tensors(DecoderShape shape, String layer) {
    String attention = layer + "self_attn.";
    int heads = shape.heads();
    int hidden = shape.hidden();
    String queries = queryRank.isPresent() ? "q_b_proj" : "q_proj";
    return new MixerTensors.Latent(
        this,
        ranked(rank -> map(attention + "q_a_proj", rank, hidden)),
        ranked(rank -> List.of(TensorNeed.vector(attention + "q_a_layernorm.weight", rank))),
        map(attention + queries, heads * headDim(), queryRank.orElse(hidden)),
        map(attention + "kv_a_proj_with_mqa", keyDim(), hidden),
        List.of(TensorNeed.vector(attention + "kv_a_layernorm.weight", rank)),
        IntStream.range(0, heads).mapToObj(head -> keyMap(attention, heads, head)).toList(),
        IntStream.range(0, heads).mapToObj(head -> valueMap(attention, heads, head)).toList());
  }

  private List<TensorNeed> ranked(Function<Integer, List<TensorNeed>> needs) {
    return queryRank.isPresent() ? needs.apply(queryRank.getAsInt()) : List.of();
  }

  private static List<TensorNeed> map(String name, int rows, int columns) {
    return LinearNeed.weights(List.of(new LinearNeed(name, rows, columns)));
  }

  private List<TensorNeed> keyMap(String attention, int heads, int head) {
    return apart
        ? List.of(TensorNeed.matrixOf(attention + "k_b_proj.weight", head, heads, rank, unturned))
        : together(attention, heads, head * headRows(), unturned).stream()
            .map(TensorNeed::readByElement)
            .toList();
  }

  private List<TensorNeed> valueMap(String attention, int heads, int head) {
    return apart
        ? List.of(TensorNeed.matrixOf(attention + "v_b_proj.weight", head, heads, valueDim, rank))
        : together(attention, heads, head * headRows() + unturned, valueDim);
  }

  private int headRows() {
    return unturned + valueDim;
  }

  private int partRows() {
    return LinearNeed.commonDivisor(unturned, valueDim);
  }

  /** Some rows of the one tensor, as parts of it that are all equally long. */
  private List<TensorNeed> together(String attention, int heads, int first, int count) {
    int rows = partRows();
    int parts = heads * headRows() / rows;
    IntStream which = IntStream.range(first / rows, (first + count) / rows);
    return LinearNeed.weights(LinearNeed.some(attention + MAPS, rows, rank, parts, which));
  }
}
