package dev.serval.models.decoder.config;

import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A checkpoint's configuration, read field by field. It remembers which fields were read, so that
 * those that nobody understands can be refused at the end. Every error names the field, its value
 * and what is allowed.
 */
public final class ModelConfig {
  private final String source;
  private final String path;
  private final Map<?, ?> fields;
  private final Set<String> tensors;
  private final Set<String> read = new HashSet<>();
  private final Map<String, String> ownNames = new HashMap<>();
  private final Map<String, Long> usual = new HashMap<>();
  private final Set<String> alike = new HashSet<>();

  private ModelConfig(String source, String path, Map<?, ?> fields, Set<String> tensors) {
    this.source = source;
    this.path = path;
    this.fields = fields;
    this.tensors = tensors;
  }

  public static ModelConfig of(Checkpoint checkpoint) {
    String file = checkpoint.format().equals("safetensors") ? "/config.json" : "";
    return new ModelConfig(
        checkpoint.root() + file, "", checkpoint.config(), checkpoint.tensorNames());
  }

  /** Reads fields under a family's own names for them; where both are there, they must agree. */
  public void rename(Map<String, String> own) {
    ownNames.putAll(own);
  }

  /** What a field is if it is missing. */
  public void usual(String field, long value) {
    usual.put(field, value);
  }

  /** Takes a list of a number for each layer, if all are the same, as that number. */
  public void alike(String field) {
    alike.add(field);
  }

  /** Whether the checkpoint has a tensor. */
  public boolean stores(String tensor) {
    return tensors.contains(tensor);
  }

  /** A number of things, at least 1. */
  public int count(String field) {
    return optionalCount(field)
        .orElseThrow(() -> refuse(field, "missing", "a whole number of at least 1"));
  }

  /** A number of things, at least 1, or this many if the field is missing. */
  public int count(String field, int otherwise) {
    return optionalCount(field).orElse(otherwise);
  }

  /** How wide a feed-forward layer is within, of which gates and ups are twice as wide. */
  public int width(String field) {
    int width = count(field);
    if (2L * width > Integer.MAX_VALUE) {
      throw refuse(field, "a number up to " + Integer.MAX_VALUE / 2);
    }
    return width;
  }

  public OptionalInt optionalCount(String field) {
    return whole(field, 1);
  }

  /** A whole number of at least this, or another if the field is missing. */
  public int atLeast(String field, int least, int otherwise) {
    return whole(field, least).orElse(otherwise);
  }

  private OptionalInt whole(String field, int least) {
    Object value = value(field);
    if (value == null) {
      return OptionalInt.empty();
    }
    if (value instanceof Long number && number >= least && number <= Integer.MAX_VALUE) {
      return OptionalInt.of(number.intValue());
    }
    throw refuse(field, shown(value), "a whole number from " + least + " to " + Integer.MAX_VALUE);
  }

  /** A number above 0. */
  public double positive(String field) {
    return optionalPositive(field)
        .orElseThrow(() -> refuse(field, "missing", "a finite number above 0"));
  }

  public Optional<Double> optionalPositive(String field) {
    Object value = value(field);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof Number number
        && number.doubleValue() > 0
        && Double.isFinite(number.doubleValue())) {
      return Optional.of(number.doubleValue());
    }
    throw refuse(field, shown(value), "a finite number above 0");
  }

  public boolean flag(String field, boolean otherwise) {
    Object value = value(field);
    if (value == null) {
      return otherwise;
    }
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw refuse(field, shown(value), "true or false");
  }

  /** Refuses flags that are there and are not this. */
  public void allowOnly(boolean only, String... flags) {
    for (String field : flags) {
      if (flag(field, only) != only) {
        throw refuse(field, only + " or missing");
      }
    }
  }

  /** A flag that may be a number, too, of which 0 alone stands for false. */
  public boolean truth(String field, boolean otherwise) {
    return value(field) instanceof Long number ? number != 0 : flag(field, otherwise);
  }

  /** One of some words. */
  public Optional<String> choice(String field, Set<String> allowed) {
    Object value = value(field);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof String word && allowed.contains(word)) {
      return Optional.of(word);
    }
    throw refuse(field, shown(value), "one of " + listed(allowed));
  }

  public Optional<String> text(String field) {
    Object value = value(field);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof String text) {
      return Optional.of(text);
    }
    throw refuse(field, shown(value), "a text");
  }

  public Optional<List<String>> texts(String field) {
    Object value = value(field);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof List<?> list && list.stream().allMatch(String.class::isInstance)) {
      return Optional.of(list.stream().map(String.class::cast).toList());
    }
    throw refuse(field, shown(value), "a list of words");
  }

  /** A list of numbers, some of which may be infinite as Python or transformers write that. */
  public Optional<List<Double>> numbers(String field) {
    Object value = value(field);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof List<?> list) {
      List<Double> numbers = list.stream().map(ModelConfig::number).toList();
      if (numbers.stream().noneMatch(number -> Double.isNaN(number))) {
        return Optional.of(numbers);
      }
    }
    throw refuse(field, "a list of numbers");
  }

  private static double number(@Nullable Object value) {
    return switch (value) {
      case Number number -> number.doubleValue();
      case Map<?, ?> map -> number(map.get("__float__"));
      case String text when text.equals("Infinity") -> Double.POSITIVE_INFINITY;
      case null, default -> Double.NaN;
    };
  }

  /** A list of finite numbers above 0. */
  public List<Double> positives(String field) {
    if (value(field) instanceof List<?> list
        && list.stream()
            .allMatch(element ->
                element instanceof Number number
                    && number.doubleValue() > 0
                    && Double.isFinite(number.doubleValue()))) {
      return list.stream().map(element -> ((Number) element).doubleValue()).toList();
    }
    throw refuse(field, "a list of numbers above 0");
  }

  /** A list of whole numbers from 0. */
  public Optional<List<Integer>> wholes(String field) {
    Object value = value(field);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof List<?> list
        && list.stream()
            .allMatch(one -> one instanceof Long number && number >= 0 && number < 1 << 30)) {
      return Optional.of(list.stream().map(one -> ((Long) one).intValue()).toList());
    }
    throw refuse(field, shown(value), "a list of whole numbers from 0");
  }

  /** A list of zeros and ones. */
  public Optional<List<Boolean>> bits(String field) {
    Object value = value(field);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof List<?> list
        && list.stream().allMatch(bit -> bit instanceof Long number && (number & ~1L) == 0)) {
      return Optional.of(list.stream().map(bit -> (Long) bit == 1).toList());
    }
    throw refuse(field, shown(value), "a list of 0 and 1");
  }

  /** A part of the configuration that has fields of its own. */
  public Optional<ModelConfig> part(String field) {
    Object value = value(field);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof Map<?, ?> map) {
      return Optional.of(new ModelConfig(source, path + called(field) + ".", map, tensors));
    }
    throw refuse(field, shown(value), "an object");
  }

  /** Whether a field is a list. */
  public boolean isList(String field) {
    return fields.get(called(field)) instanceof List;
  }

  /** Whether a field is a word. */
  public boolean isText(String field) {
    return fields.get(called(field)) instanceof String;
  }

  public boolean has(String field) {
    return fields.containsKey(called(field));
  }

  /** Takes a field whatever it says, since nothing depends on it. */
  public void ignore(String field) {
    read.add(called(field));
  }

  /**
   * Refuses fields that nobody has read, but for those that change nothing.
   *
   * @param reader who reads the configuration, for the message
   */
  public void refuseUnread(String reader) {
    for (Object key : fields.keySet()) {
      String field = (String) key;
      if (!read.contains(field) && !ConfigFields.harmless(field)) {
        refuseUnlessNeutral(field, reader);
      }
    }
  }

  private void refuseUnlessNeutral(String field, String reader) {
    Object neutral = ConfigFields.neutral(field);
    if (neutral == null) {
      throw new CheckpointException(
          "%s: field '%s%s' is %s; %s knows no such field, and would not do what it asks for. It reads %s"
              .formatted(source, path, field, shown(fields.get(field)), reader, listed(read)));
    }
    if (!same(neutral, fields.get(field))) {
      throw refuse(field, "%s alone: %s does not do otherwise".formatted(shown(neutral), reader));
    }
  }

  private static boolean same(@Nullable Object one, @Nullable Object other) {
    if (one instanceof Number a && other instanceof Number b) {
      return a.doubleValue() == b.doubleValue();
    }
    return Objects.equals(one, other);
  }

  /** An exception about a field. */
  public CheckpointException refuse(String field, String found, String allowed) {
    return new CheckpointException(
        "%s: field '%s%s' is %s; allowed is %s"
            .formatted(source, path, called(field), found, allowed));
  }

  /** An exception about a field that is there. */
  public CheckpointException refuse(String field, String allowed) {
    return refuse(field, shown(fields.get(called(field))), allowed);
  }

  private @Nullable Object value(String field) {
    String called = called(field);
    read.add(called);
    if (!called.equals(field) && fields.containsKey(field)) {
      requireAlike(field, called);
    }
    Object value = fields.get(called);
    if (alike.contains(field) && value instanceof List<?> list) {
      return theOne(field, list);
    }
    return value == null ? usual.get(field) : value;
  }

  private Object theOne(String field, List<?> list) {
    if (list.isEmpty() || list.stream().anyMatch(one -> !same(one, list.getFirst()))) {
      throw refuse(field, shown(list), "a number, or a list of the same number for each layer");
    }
    return list.getFirst();
  }

  private void requireAlike(String field, String other) {
    read.add(field);
    Object value = Objects.requireNonNull(fields.get(field));
    if (!same(value, fields.get(other))) {
      throw refuse(other, "that of %s, %s".formatted(field, shown(value)));
    }
  }

  private String called(String field) {
    String other = ownNames.getOrDefault(field, field);
    return fields.containsKey(field) && !fields.containsKey(other) ? field : other;
  }

  private static String shown(@Nullable Object value) {
    return switch (value) {
      case null -> "missing";
      case String text -> "\"" + text + "\"";
      default -> String.valueOf(value);
    };
  }

  private static String listed(Set<String> words) {
    return words.stream().sorted().collect(Collectors.joining(", "));
  }
}
