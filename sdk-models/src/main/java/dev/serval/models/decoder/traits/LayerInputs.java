package dev.serval.models.decoder.traits;

import dev.serval.models.decoder.config.ModelConfig;
import java.util.Optional;

/**
 * Inputs that layers have of their own of each token, in a table of embeddings.
 *
 * @param columns how many each layer has
 * @param tokens how many tokens the table has; others have zeros
 */
public record LayerInputs(int columns, int tokens) {
  private static final String INPUTS = "hidden_size_per_layer_input";

  /** Those of a configuration; empty if it has none. */
  public static Optional<LayerInputs> read(ModelConfig config) {
    int columns = config.atLeast(INPUTS, 0, 0);
    int tokens = config.count("vocab_size_per_layer_input", config.count("vocab_size"));
    int layers = config.count("num_hidden_layers");
    if ((long) columns * layers > Integer.MAX_VALUE) {
      throw config.refuse(INPUTS, "a number of which %d fit into 2^31 columns".formatted(layers));
    }
    return columns == 0 ? Optional.empty() : Optional.of(new LayerInputs(columns, tokens));
  }
}
