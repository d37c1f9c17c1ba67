package dev.serval.models.decoder.traits;

import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import java.util.Optional;
import java.util.OptionalInt;

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
public record LatentTraits(
    OptionalInt queryRank, int rank, int unturned, int turned, int valueDim, boolean apart) {

  private static final String HEADS = "num_attention_heads";

  /** More than any model has, and few enough to be listed. */
  private static final int MOST_PARTS = 1 << 16;

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
  public static DecoderTraits.Builder attention(ModelConfig config) {
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
  public int headDim() {
    return unturned + turned;
  }

  /** How many dimensions are kept of a token. */
  public int keyDim() {
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

  /** How many rows of maps a head has. */
  public int headRows() {
    return unturned + valueDim;
  }

  /** The most rows that its part for keys and its part for values are both made up of. */
  public int partRows() {
    return HeadSizes.commonDivisor(unturned, valueDim);
  }
}
