package dev.serval.storage.safetensors.packed;

import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.safetensors.format.RawTensor;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Experts of a layer that lie in one tensor for each kind of map, as others have a tensor each:
 * gpt-oss's, in MXFP4 or not, and those of Qwen 3-VL and Llama 4. Rows of gates and ups are in the
 * same map.
 *
 * @param order how they are
 */
record ExpertStacks(Order order) implements Unpacking {
  /** How rows of gates and ups lie in their map. */
  enum Order {
    /** Those of a gate and an up in turns. */
    IN_TURNS,
    /** All of the gate before all of the up. */
    HALVES
  }

  /** More than any model has, and few enough to be listed. */
  private static final long MOST = 4096;

  private static final Pattern MAP =
      Pattern.compile(
          "(.*\\.(?:mlp|feed_forward)\\.experts)\\.(gate_up_proj|down_proj)(|_blocks|_bias)");
  private static final String BLOCKS = "_blocks";
  private static final String BIAS = "_bias";

  /** Those of a model, if it has such. */
  static Optional<ExpertStacks> of(Map<String, Object> config) {
    return config.get("model_type") instanceof String type
        ? switch (type) {
          case "gpt_oss" -> Optional.of(new ExpertStacks(Order.IN_TURNS));
          case "qwen3_vl_moe", "llama4", "llama4_text" ->
              Optional.of(new ExpertStacks(Order.HALVES));
          default -> Optional.empty();
        }
        : Optional.empty();
  }

  /** Whether this is how the configuration says that weights are stored. */
  static boolean stores(Map<String, Object> config) {
    return "gpt_oss".equals(config.get("model_type"))
        && config.get(Quantization.FIELD) instanceof Map<?, ?> fields
        && "mxfp4".equals(fields.get("quant_method"));
  }

  @Override
  public void unpack(SortedMap<String, RawTensor> raw, Map<String, Supplier<StoredTensor>> made) {
    for (RawTensor tensor : List.copyOf(raw.values())) {
      Matcher map = MAP.matcher(tensor.name());
      if (map.matches()) {
        raw.remove(tensor.name());
        unpack(tensor, map, raw, made);
      }
    }
  }

  private void unpack(
      RawTensor tensor,
      Matcher map,
      SortedMap<String, RawTensor> raw,
      Map<String, Supplier<StoredTensor>> made) {
    MatrixStack stack = stack(tensor, map.group(3), raw);
    requireCount(tensor, stack.experts());
    boolean gates = map.group(2).equals("gate_up_proj");
    String ending = map.group(3).equals(BIAS) ? "bias" : "weight";
    for (int expert = 0; expert < stack.experts(); expert++) {
      String prefix = map.group(1) + "." + expert + ".";
      if (gates) {
        put(made, prefix + "gate_proj." + ending, stack, expert, gates(tensor, stack, 0));
        put(made, prefix + "up_proj." + ending, stack, expert, gates(tensor, stack, 1));
      } else {
        put(made, prefix + "down_proj." + ending, stack, expert, Rows.all(stack.rows()));
      }
    }
  }

  private static void requireCount(RawTensor tensor, long experts) {
    if (experts > MOST) {
      throw tensor.problem("has %d experts; there can be from 1 to %d", experts, MOST);
    }
  }

  private static MatrixStack stack(
      RawTensor tensor, String ending, SortedMap<String, RawTensor> raw) {
    return switch (ending) {
      case BLOCKS -> {
        String scales = tensor.name().replace(BLOCKS, "_scales");
        RawTensor found = raw.remove(scales);
        if (found == null) {
          throw tensor.without(scales);
        }
        yield BlockStack.of(tensor, found);
      }
      case BIAS -> TransposedStack.ofVectors(tensor);
      default -> TransposedStack.of(tensor);
    };
  }

  private static void put(
      Map<String, Supplier<StoredTensor>> made,
      String name,
      MatrixStack stack,
      int expert,
      Rows rows) {
    made.put(name, () -> stack.matrix(name, expert, rows));
  }

  private Rows gates(RawTensor tensor, MatrixStack stack, int which) {
    if (stack.rows() % 2 != 0) {
      throw tensor.problem("has %d rows of gates and ups; these are as many", stack.rows());
    }
    long half = stack.rows() / 2;
    return switch (order) {
      case IN_TURNS -> new Rows(which, 2, half);
      case HALVES -> new Rows(which * half, 1, half);
    };
  }

  /**
   * Some rows of a matrix.
   *
   * @param first the first
   * @param step how far the next one is
   * @param count how many
   */
  record Rows(long first, long step, long count) {
    static Rows all(long count) {
      return new Rows(0, 1, count);
    }

    long at(long index) {
      return first + index * step;
    }
  }
}
