package dev.serval.models.decoder.traits;

import dev.serval.api.cache.StateShape;
import dev.serval.models.decoder.config.ModelConfig;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * Which layers of a model carry a state along in place of attending or beside that, and what they
 * are.
 *
 * @param carry for each layer whether it is one
 * @param traits what they are
 * @param attend whether they attend as well
 */
public record StateLayers(List<Boolean> carry, StateTraits traits, boolean attend) {
  /** More than any model has, and few enough to be listed. */
  private static final int MOST = 100_000;

  private static final String COUNT = "num_hidden_layers";

  /** Those that are such do not attend. */
  public StateLayers(List<Boolean> carry, StateTraits traits) {
    this(carry, traits, false);
  }

  /** Each of so many layers is such, and attends as well. */
  public static StateLayers beside(ModelConfig config, StateTraits traits) {
    int count = config.count(COUNT);
    requireListed(config, count);
    return new StateLayers(Collections.nCopies(count, true), traits, true);
  }

  /**
   * As {@code layer_types} says.
   *
   * @param kind what it calls such layers
   * @param attention what it calls others
   * @param usual which are such if it is missing
   */
  public static StateLayers read(
      ModelConfig config, String kind, String attention, IntPredicate usual, StateTraits traits) {
    int count = config.count(COUNT);
    Optional<List<String>> types = config.texts(LayerWindows.TYPES);
    if (types.isEmpty()) {
      requireListed(config, count);
    }
    List<Boolean> carry = new ArrayList<>();
    for (int layer = 0; types.isEmpty() && layer < count; layer++) {
      carry.add(usual.test(layer));
    }
    for (String type : types.orElse(List.of())) {
      if (!type.equals(kind) && !type.equals(attention)) {
        throw config.refuse(
            LayerWindows.TYPES, "a list with '" + type + "'", kind + " and " + attention);
      }
      carry.add(type.equals(kind));
    }
    if (carry.size() != count || !carry.contains(false)) {
      throw config.refuse(
          LayerWindows.TYPES,
          "a list of " + carry.size(),
          "one type for each of the %d layers, at least one of them %s"
              .formatted(count, attention));
    }
    return new StateLayers(List.copyOf(carry), traits);
  }

  private static void requireListed(ModelConfig config, int count) {
    if (count > MOST) {
      throw config.refuse(COUNT, "a number up to " + MOST);
    }
  }

  /** How many layers below this one are such. */
  public int below(int layer) {
    return (int) IntStream.range(0, layer).filter(carry::get).count();
  }

  /** What they keep of a sequence. */
  public StateShape shape() {
    return new StateShape(below(carry.size()), traits.stateBytes());
  }
}
