package dev.serval.storage.safetensors.packed;

import dev.serval.api.storage.CheckpointException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads from {@code quantization_config} how a folder stores its weights: as floating-point numbers
 * of 8 bits with scales (fp8, fbgemm_fp8, modelopt, compressed-tensors) or as whole numbers of 4 or
 * 8 bits with scales of groups (GPTQ, AWQ, compressed-tensors). What would change how inputs are
 * rounded is passed over: weights are multiplied as they are.
 *
 * @param place the file, for messages
 * @param fields those of the configuration
 */
record Quantization(String place, Map<?, ?> fields) {
  static final String FIELD = "quantization_config";

  private static final String GROUPS = "config_groups";
  private static final String GROUP_SIZE = "group_size";
  private static final String BITS = "bits";
  private static final String FORMAT = "format";
  private static final Set<Long> FOUR = Set.of(4L);

  /** Numbers of 8 bits must have their zeros in the middle. */
  private static final Set<Long> EITHER = Set.of(4L, 8L);

  /** How a model's weights are stored; empty if as usual, or in a way that is not known. */
  static Optional<Unpacking> of(String place, Map<String, Object> config) {
    return config.get(FIELD) instanceof Map<?, ?> fields
        ? new Quantization(place, fields).unpacking()
        : Optional.empty();
  }

  private Optional<Unpacking> unpacking() {
    return switch (text(fields, "quant_method")) {
      case "fp8", "fbgemm_fp8" -> Optional.of(new ScaledFloats(block(fields, "weight_block_size")));
      case "modelopt" ->
          text(fields, "quant_algo").equals("FP8")
              ? Optional.of(new ScaledFloats(List.of()))
              : Optional.empty();
      case "gptq" -> Optional.of(gptq());
      case "awq" -> Optional.of(awq());
      case "compressed-tensors" -> compressed();
      default -> Optional.empty();
    };
  }

  private Unpacking gptq() {
    if (Boolean.TRUE.equals(fields.get("desc_act"))) {
      throw refuse("desc_act", true, "false, which leaves columns in their order");
    }
    boolean symmetric = Boolean.TRUE.equals(fields.get("sym"));
    return new GptqMatrices(
        bits(fields, BITS, symmetric ? EITHER : FOUR),
        groupSize(fields),
        symmetric,
        choice("checkpoint_format", "gptq", Set.of("gptq", "gptq_v2")).equals("gptq") ? 1 : 0);
  }

  private Unpacking awq() {
    choice("version", "gemm", Set.of("gemm"));
    bits(fields, BITS, FOUR);
    return new AwqMatrices(groupSize(fields));
  }

  /** All groups of modules must be stored alike; modules of none are stored as usual. */
  private Optional<Unpacking> compressed() {
    List<Map<?, ?>> groups = groups();
    if (groups.isEmpty()) {
      return Optional.empty();
    }
    Map<?, ?> weights = groups.getFirst();
    if (groups.stream().anyMatch(other -> !other.equals(weights))) {
      throw refuse(GROUPS, groups, "groups whose weights are stored alike");
    }
    return switch (text(fields, FORMAT)) {
      case "float-quantized", "naive-quantized" ->
          text(weights, "type").equals("float")
              ? Optional.of(new ScaledFloats(block(weights, "block_structure")))
              : Optional.empty();
      case "int-quantized" -> {
        requireSymmetric(weights);
        bits(weights, "num_bits", Set.of(8L));
        yield Optional.of(new ByteMatrices());
      }
      case "pack-quantized" ->
          Optional.of(
              new PackedRows(
                  bits(weights, "num_bits", symmetric(weights) ? EITHER : FOUR),
                  weights.get(GROUP_SIZE) == null ? GroupedIntegers.ROW : groupSize(weights),
                  symmetric(weights)));
      default -> Optional.empty();
    };
  }

  private List<Map<?, ?>> groups() {
    List<Map<?, ?>> groups = new ArrayList<>();
    if (fields.get(GROUPS) instanceof Map<?, ?> named) {
      Collection<?> all = named.values();
      for (Object one : all) {
        if (one instanceof Map<?, ?> group && group.get("weights") instanceof Map<?, ?> weights) {
          groups.add(weights);
        }
      }
    }
    return groups;
  }

  private void requireSymmetric(Map<?, ?> weights) {
    if (!symmetric(weights)) {
      throw refuse("symmetric", false, "true");
    }
  }

  private static boolean symmetric(Map<?, ?> weights) {
    return !Boolean.FALSE.equals(weights.get("symmetric"));
  }

  private List<Long> block(Map<?, ?> from, String field) {
    Object value = from.get(field);
    if (value == null) {
      return List.of();
    }
    if (value instanceof List<?> sizes
        && sizes.size() == 2
        && sizes.get(0) instanceof Long rows
        && sizes.get(1) instanceof Long columns
        && rows > 0
        && columns > 0) {
      return List.of(rows, columns);
    }
    throw refuse(field, value, "two whole numbers above 0");
  }

  private int bits(Map<?, ?> from, String field, Set<Long> allowed) {
    Object value = from.get(field);
    if (value instanceof Long bits && allowed.contains(bits)) {
      return bits.intValue();
    }
    throw refuse(field, value, "one of " + allowed.stream().sorted().toList());
  }

  private int groupSize(Map<?, ?> from) {
    Object value = from.get(GROUP_SIZE);
    if (value instanceof Long size
        && (size == GroupedIntegers.ROW
            || (size > 0 && size <= Integer.MAX_VALUE && size % GroupedIntegers.BLOCK == 0))) {
      return size.intValue();
    }
    throw refuse(GROUP_SIZE, value, "a multiple of 32, or -1 for whole rows");
  }

  private String choice(String field, String otherwise, Set<String> allowed) {
    Object value = fields.get(field);
    if (value == null) {
      return otherwise;
    }
    if (value instanceof String word && allowed.contains(word)) {
      return word;
    }
    throw refuse(field, value, "one of " + String.join(", ", allowed));
  }

  private static String text(Map<?, ?> from, String field) {
    return from.get(field) instanceof String text ? text : "";
  }

  private CheckpointException refuse(String field, @Nullable Object value, String allowed) {
    return new CheckpointException(
        "%s: field '%s' of %s is %s; allowed is %s"
            .formatted(place, field, FIELD, value == null ? "missing" : value, allowed));
  }
}
