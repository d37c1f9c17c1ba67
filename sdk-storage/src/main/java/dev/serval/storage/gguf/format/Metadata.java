package dev.serval.storage.gguf.format;

import dev.serval.api.storage.CheckpointException;
import dev.serval.storage.text.Quoted;
import dev.serval.storage.text.Utf8;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.LongStream;

/**
 * A file's keys and values. Values stay in the file until they are asked for; one of another type
 * than asked for is refused by its key.
 */
public final class Metadata {
  private static final int MOST_KEY_BYTES = 65_535;
  private static final int MOST_TEXTS = 1 << 24;
  private static final long LEAST_BYTES = Long.BYTES + Integer.BYTES + 1;

  private final String file;
  private final Map<String, MetadataValue> values;

  private Metadata(String file, Map<String, MetadataValue> values) {
    this.file = file;
    this.values = values;
  }

  static Metadata read(GgufCursor cursor, String file, long count) {
    if (count > cursor.remaining() / LEAST_BYTES) {
      throw cursor.problem(
          "it says that it has %d keys; the %d bytes that follow have room for %d"
              .formatted(count, cursor.remaining(), cursor.remaining() / LEAST_BYTES));
    }
    Map<String, MetadataValue> values = new LinkedHashMap<>();
    for (long i = 0; i < count; i++) {
      String key = cursor.name("the key of metadata " + i, MOST_KEY_BYTES);
      if (values.containsKey(key)) {
        throw cursor.problem("the key " + Quoted.of(key) + " is there twice");
      }
      values.put(key, MetadataValue.read(cursor, Quoted.of(key)));
    }
    return new Metadata(file, values);
  }

  public Set<String> keys() {
    return values.keySet();
  }

  public boolean has(String key) {
    return values.containsKey(key);
  }

  public Optional<String> text(String key) {
    return scalar(key, "a STRING", value -> value.type() == ValueType.STRING)
        .map(value -> Utf8.text(value.data()));
  }

  public Optional<Boolean> flag(String key) {
    return scalar(key, "a BOOL", value -> value.type() == ValueType.BOOL)
        .map(value -> value.data().get(ValueLayout.JAVA_BYTE, 0))
        .map(octet -> {
          if (octet != 0 && octet != 1) {
            throw problem(key, "is a BOOL of value " + octet + "; there are 0 and 1");
          }
          return octet == 1;
        });
  }

  /** A whole number from 0 to 2^31 − 1, as sizes and ids are. */
  public Optional<Long> natural(String key) {
    return scalar(key, "a whole number", value -> value.type().isInteger())
        .map(value -> natural(key, "is", value.integer(0)));
  }

  private long natural(String key, String verb, long number) {
    if (number < 0 || number > Integer.MAX_VALUE) {
      throw problem(
          key, "%s %d; it can be from 0 to %d".formatted(verb, number, Integer.MAX_VALUE));
    }
    return number;
  }

  public long requireNatural(String key) {
    return natural(key).orElseThrow(() -> missing(key));
  }

  /** The same of at least 1. */
  public long requirePositive(String key) {
    long number = requireNatural(key);
    if (number == 0) {
      throw problem(key, "is 0; it must be at least 1");
    }
    return number;
  }

  public Optional<Double> real(String key) {
    return scalar(key, "a FLOAT32 or FLOAT64", Metadata::isReal).map(value -> value.real(0));
  }

  /** A number of any type. */
  public double number(String key) {
    return scalar(key, "a number", value -> value.type().isInteger() || isReal(value))
        .map(value -> value.type().isInteger() ? (double) value.integer(0) : value.real(0))
        .orElseThrow(() -> missing(key));
  }

  public double requireReal(String key) {
    return real(key).orElseThrow(() -> missing(key));
  }

  private static boolean isReal(MetadataValue value) {
    return value.element() == ValueType.FLOAT32 || value.element() == ValueType.FLOAT64;
  }

  public Optional<List<String>> texts(String key) {
    return array(key, "STRING", value -> value.element() == ValueType.STRING)
        .map(value -> {
          if (value.count() > MOST_TEXTS) {
            throw problem(
                key, "has %d elements; there can be %d".formatted(value.count(), MOST_TEXTS));
          }
          return strings(value);
        });
  }

  private static List<String> strings(MetadataValue value) {
    List<String> texts = new ArrayList<>(Math.toIntExact(value.count()));
    long at = 0;
    for (long i = 0; i < value.count(); i++) {
      long length = value.data().get(GgufCursor.LONG, at);
      texts.add(Utf8.text(value.data().asSlice(at + Long.BYTES, length)));
      at += Long.BYTES + length;
    }
    return texts;
  }

  /** As many whole numbers as given; another count is refused before anything is copied. */
  public Optional<long[]> integers(String key, int expected) {
    requireCount(key, expected, "tokens");
    return array(key, "whole numbers", value -> value.element().isInteger())
        .map(value -> {
          long[] numbers = new long[Math.toIntExact(value.count())];
          java.util.Arrays.setAll(numbers, i -> value.integer((long) i * value.element().bytes()));
          return numbers;
        });
  }

  /** One from 0 to 2^31 − 1 for each of so many things. */
  public List<Long> naturals(String key, int expected, String things) {
    requireCount(key, expected, things);
    return array(key, "whole numbers", value -> value.element().isInteger())
        .map(value ->
            LongStream.range(0, value.count())
                .mapToObj(i -> natural(key, "has", value.integer(i * value.element().bytes())))
                .toList())
        .orElseThrow(() -> missing(key));
  }

  public Optional<double[]> reals(String key, int expected) {
    requireCount(key, expected, "tokens");
    return array(key, "FLOAT32", Metadata::isReal)
        .map(value -> {
          double[] numbers = new double[Math.toIntExact(value.count())];
          java.util.Arrays.setAll(numbers, i -> value.real((long) i * value.element().bytes()));
          return numbers;
        });
  }

  public boolean isArray(String key) {
    MetadataValue value = values.get(key);
    return value != null && value.type() == ValueType.ARRAY;
  }

  /** Yes or no for each of so many things; of whole numbers 0 is no. */
  public List<Boolean> flags(String key, int expected, String things) {
    requireCount(key, expected, things);
    return array(key, "BOOL or whole numbers", value -> isFlag(value.element()))
        .map(value ->
            LongStream.range(0, value.count())
                .mapToObj(i -> flag(value, i * value.element().bytes()))
                .toList())
        .orElseThrow(() -> missing(key));
  }

  private static boolean isFlag(ValueType element) {
    return element == ValueType.BOOL || element.isInteger();
  }

  private static boolean flag(MetadataValue value, long at) {
    return value.element() == ValueType.BOOL
        ? value.data().get(ValueLayout.JAVA_BYTE, at) != 0
        : value.integer(at) != 0;
  }

  private void requireCount(String key, int expected, String things) {
    MetadataValue value = values.get(key);
    if (value != null && value.type() == ValueType.ARRAY && value.count() != expected) {
      throw problem(
          key, "has %d elements, but there are %d %s".formatted(value.count(), expected, things));
    }
  }

  /** How many elements an array has; 0 if it is not there. */
  public long count(String key) {
    return array(key, "any type", value -> true).map(MetadataValue::count).orElse(0L);
  }

  private Optional<MetadataValue> scalar(
      String key, String expected, java.util.function.Predicate<MetadataValue> fits) {
    return value(key, expected, value -> value.type() != ValueType.ARRAY && fits.test(value));
  }

  private Optional<MetadataValue> array(
      String key, String elements, java.util.function.Predicate<MetadataValue> fits) {
    return value(
        key,
        "an ARRAY of " + elements,
        value -> value.type() == ValueType.ARRAY && fits.test(value));
  }

  private Optional<MetadataValue> value(
      String key, String expected, java.util.function.Predicate<MetadataValue> fits) {
    Optional<MetadataValue> value = Optional.ofNullable(values.get(key));
    if (value.isPresent() && !fits.test(value.get())) {
      throw problem(key, "is of type %s, but must be %s".formatted(value.get().kind(), expected));
    }
    return value;
  }

  public CheckpointException missing(String key) {
    return new CheckpointException("%s has no metadata %s".formatted(file, Quoted.of(key)));
  }

  public CheckpointException problem(String key, String sentence) {
    return new CheckpointException("%s: metadata %s %s".formatted(file, Quoted.of(key), sentence));
  }
}
