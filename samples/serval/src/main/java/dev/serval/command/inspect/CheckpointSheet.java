package dev.serval.command.inspect;

import dev.serval.api.Bytes;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** One checkpoint on a sheet: what it is, how it is configured, and its tensors. */
public final class CheckpointSheet {
  private static final Pattern NUMBER = Pattern.compile("\\d+");

  private final Checkpoint checkpoint;
  private final List<ModelFamily> families;
  private final LoadedSizes sizes;
  private final boolean digest;
  private final List<TensorLine> tensors;

  /**
   * Looks into a checkpoint.
   *
   * @param checkpoint an open one, used until the sheet was printed
   * @param families what could run it
   * @param sizes what its weights would take
   * @param digest whether its digest is wanted, for which every byte is read
   */
  public CheckpointSheet(
      Checkpoint checkpoint, List<ModelFamily> families, LoadedSizes sizes, boolean digest) {
    this.checkpoint = checkpoint;
    this.families = List.copyOf(families);
    this.sizes = sizes;
    this.digest = digest;
    tensors =
        checkpoint.tensorNames().stream()
            .sorted(Comparator.comparing(CheckpointSheet::counted))
            .map(name -> TensorLine.of(checkpoint, name))
            .toList();
  }

  /** A name whose numbers sort by size. */
  private static String counted(String name) {
    return NUMBER
        .matcher(name)
        .replaceAll(
            number -> "0".repeat(Math.max(0, 7 - number.group().length())) + number.group());
  }

  /**
   * The sheet for a program.
   *
   * @return values that JSON knows
   */
  public Map<String, @Nullable Object> fields() {
    Map<String, @Nullable Object> fields = new LinkedHashMap<>(head());
    Map<String, Object> loaded = new LinkedHashMap<>();
    loaded().forEach((device, bytes) -> loaded.put(device, bytes.count()));
    fields.put("loaded_bytes", loaded);
    fields.put("tokenizer", new TokenizerFacts(checkpoint).fields());
    fields.put("config", checkpoint.config());
    Map<String, Object> types = new LinkedHashMap<>();
    types().forEach((type, sum) -> types.put(type, sum.fields()));
    fields.put("types", types);
    fields.put("tensors", tensors.stream().map(TensorLine::fields).toList());
    return fields;
  }

  private Map<String, Object> head() {
    Map<String, Object> head = new LinkedHashMap<>();
    head.put("root", checkpoint.root());
    head.put("format", checkpoint.format());
    head.put("architecture", architecture());
    head.put("runs_as", family());
    head.put("parameters", tensors.stream().mapToLong(TensorLine::elements).sum());
    head.put("tensor_count", tensors.size());
    head.put("tensor_bytes", tensors.stream().mapToLong(TensorLine::bytes).sum());
    if (digest) {
      head.put("sha256", checkpoint.digest().toString());
    }
    return head;
  }

  private String architecture() {
    return checkpoint.config().get("architectures") instanceof List<?> names && !names.isEmpty()
        ? String.valueOf(names.getFirst())
        : "not said";
  }

  private String family() {
    return named()
        .map(this::family)
        .orElseGet(() -> "nothing here: there is no family for " + architecture());
  }

  private Optional<ModelFamily> named() {
    String architecture = architecture();
    return families.stream()
        .filter(family -> family.architectures().contains(architecture))
        .findFirst();
  }

  private String family(ModelFamily family) {
    try {
      return family.inspect(checkpoint).family();
    } catch (CheckpointException e) {
      return "nothing here: " + e.getMessage();
    }
  }

  /** What the weights take on each device; nothing for what no family runs. */
  private Map<String, Bytes> loaded() {
    return named()
        .filter(family -> family(family).equals(family.name()))
        .map(family -> sizes.of(family, checkpoint))
        .orElse(Map.of());
  }

  /** How many tensors and bytes there are of a type. */
  private record Sum(long tensors, long bytes) {
    Sum plus(Sum other) {
      return new Sum(tensors + other.tensors, bytes + other.bytes);
    }

    Map<String, Object> fields() {
      return Map.of("tensors", tensors, "bytes", bytes);
    }
  }

  private Map<String, Sum> types() {
    Map<String, Sum> types = new TreeMap<>();
    for (TensorLine tensor : tensors) {
      String type = tensor.shape().isEmpty() ? "other" : tensor.type();
      types.merge(type, new Sum(1, tensor.bytes()), Sum::plus);
    }
    return types;
  }

  /** The sheet for a person. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    section(text, "checkpoint", rows(readable(head())));
    Map<String, Bytes> loaded = loaded();
    if (!loaded.isEmpty()) {
      section(text, "weights once loaded", rows(loaded));
    }
    section(text, "tokenizer", rows(new TokenizerFacts(checkpoint).fields()));
    section(text, "configuration", rows(new TreeMap<>(checkpoint.config())));
    section(text, "types", typeRows());
    section(text, "tensors", TensorLine.together(tensors).map(TensorLine::cells).toList());
    return text.toString();
  }

  private static Map<String, Object> readable(Map<String, Object> head) {
    head.computeIfPresent("tensor_bytes", (name, bytes) -> Bytes.of((Long) bytes));
    return head;
  }

  private List<String[]> typeRows() {
    List<String[]> rows = new ArrayList<>();
    types()
        .forEach((type, sum) ->
            rows.add(
                new String[] {
                  type,
                  sum.tensors() + (sum.tensors() == 1 ? " tensor" : " tensors"),
                  String.valueOf(Bytes.of(sum.bytes()))
                }));
    return rows;
  }

  private static List<String[]> rows(Map<String, ?> fields) {
    return fields.entrySet().stream()
        .map(field -> new String[] {field.getKey(), String.valueOf(field.getValue())})
        .toList();
  }

  private static void section(StringBuilder text, String title, List<String[]> rows) {
    text.append(title).append('\n');
    int[] widths = new int[4];
    for (String[] row : rows) {
      for (int i = 0; i < row.length - 1; i++) {
        widths[i] = Math.max(widths[i], row[i].length());
      }
    }
    for (String[] row : rows) {
      StringBuilder line = new StringBuilder("  ");
      for (int i = 0; i < row.length; i++) {
        line.append(row[i]).repeat(' ', Math.max(0, widths[i] - row[i].length()) + 2);
      }
      text.append(line.toString().stripTrailing()).append('\n');
    }
  }
}
