package dev.serval.storage.gguf;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/** Translates what a file says of layers of linear attention, and of which layers these are. */
final class LinearConfiguration {
  private static final String LINEAR = "linear_attention";
  private static final String FULL = "full_attention";
  private static final String LINEAR_LAYERS = "attention.recurrent_layers";
  private static final String PERIOD = "full_attention_interval";
  private static final long USUAL_PERIOD = 4;

  private final Metadata metadata;
  private final Architecture architecture;

  private LinearConfiguration(Metadata metadata, Architecture architecture) {
    this.metadata = metadata;
    this.architecture = architecture;
  }

  /** The fields of {@code config.json} of a model of so many layers. */
  static Map<String, Object> translate(Metadata metadata, Architecture architecture, long layers) {
    return new LinearConfiguration(metadata, architecture).fields(layers);
  }

  private String key(String name) {
    return architecture.key() + "." + name;
  }

  /** Its converters store what a state decays by, and not the logarithm. */
  private Map<String, Object> fields(long layers) {
    StateSizes sizes = StateSizes.read(metadata, architecture);
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("layer_types", layerTypes(layers));
    fields.put("linear_conv_kernel_dim", sizes.taps());
    fields.put("linear_key_head_dim", sizes.rows());
    fields.put("linear_num_key_heads", sizes.groups());
    fields.put("linear_num_value_heads", sizes.heads());
    fields.put("linear_value_head_dim", sizes.columns());
    fields.put("linear_decay_logarithms", false);
    fields.put("linear_value_heads_tiled", tiled());
    if (!tiled()) {
      fields.put("linear_inputs_sorted", true);
    }
    return fields;
  }

  /**
   * Whether the first value head of each key head comes before the second of any. Where it does
   * not, queries, keys and values are sorted, but strengths and decays are not.
   */
  private boolean tiled() {
    return architecture != Architecture.QWEN3NEXT;
  }

  /** Each is said, or one in so many is full. */
  private List<String> layerTypes(long layers) {
    return metadata.has(key(LINEAR_LAYERS)) ? listed(layers) : periodic(layers);
  }

  /** Those that predict further tokens are listed, too. */
  private List<String> listed(long layers) {
    int all = Math.toIntExact(metadata.requireNatural(key("block_count")));
    return metadata.flags(key(LINEAR_LAYERS), all, "layers").stream()
        .limit(layers)
        .map(linear -> linear ? LINEAR : FULL)
        .toList();
  }

  private List<String> periodic(long layers) {
    long period = metadata.has(key(PERIOD)) ? metadata.requirePositive(key(PERIOD)) : USUAL_PERIOD;
    return LongStream.rangeClosed(1, layers)
        .mapToObj(layer -> layer % period == 0 ? FULL : LINEAR)
        .toList();
  }
}
