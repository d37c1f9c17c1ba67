package dev.serval.storage.text;

import dev.serval.api.storage.CheckpointException;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.core.util.JsonRecyclerPools;

/**
 * Walks a JSON document from front to back and keeps nothing of it, so that a large one costs no
 * more memory than what its reader takes out. Strict: UTF-8, no name twice in an object, nothing
 * after the document, nesting up to {@value #DEPTH}, names up to {@value #NAME} characters; but in
 * a tree a number may be {@code Infinity}, as Python writes it.
 *
 * <p>The cursor stands on a value; each method takes that value, whole, or refuses it with a
 * message that names the document, the place and what was expected.
 */
public final class JsonCursor {
  private static final int DEPTH = 64;
  private static final int NAME = 4096;
  private static final int NUMBER = 400;
  private static final int STRING = 1 << 20;
  private static final String INFINITE = "Infinity";

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
          .disable(TokenStreamFactory.Feature.INTERN_PROPERTY_NAMES)
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .recyclerPool(JsonRecyclerPools.nonRecyclingPool())
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(DEPTH)
                  .maxNameLength(NAME)
                  .maxNumberLength(NUMBER)
                  .maxStringLength(STRING)
                  .build())
          .build();

  private final String source;
  private final JsonParser parser;

  private JsonCursor(String source, JsonParser parser) {
    this.source = source;
    this.parser = parser;
  }

  /**
   * Reads a document.
   *
   * @param <T> what comes out
   * @param source what the document is, for messages
   * @param bytes its bytes, less than 2 GiB
   * @param reading takes the one value of the document
   * @return what the reading made of it
   * @throws CheckpointException when it is not JSON or not what the reading expects
   */
  public static <T> T read(String source, MemorySegment bytes, Function<JsonCursor, T> reading) {
    Utf8.require(source, bytes);
    try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), Utf8.reader(bytes))) {
      JsonCursor cursor = new JsonCursor(source, parser);
      parser.nextToken();
      T result = reading.apply(cursor);
      if (parser.nextToken() != null) {
        throw new CheckpointException(source + ": after the end of the JSON there is more");
      }
      return result;
    } catch (JacksonException e) {
      throw new CheckpointException(
          "%s is not valid JSON%s: %s"
              .formatted(source, position(e.getLocation()), Quoted.plain(e.getOriginalMessage())),
          e);
    }
  }

  private static String position(@Nullable TokenStreamLocation at) {
    return at == null ? "" : " at line %d, column %d".formatted(at.getLineNr(), at.getColumnNr());
  }

  /**
   * Takes an object.
   *
   * @param field called for each of its fields with the cursor on the field's value, which it takes
   */
  public void object(BiConsumer<String, JsonCursor> field) {
    require(JsonToken.START_OBJECT, "an object");
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      parser.nextToken();
      field.accept(name, this);
    }
  }

  /**
   * Takes a list.
   *
   * @param element called for each of its elements with the cursor on the element, which it takes
   */
  public void list(Consumer<JsonCursor> element) {
    require(JsonToken.START_ARRAY, "a list");
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      element.accept(this);
    }
  }

  /**
   * Takes a list of numbers.
   *
   * @param most how many it may have
   * @return the numbers, each from 0 to 2<sup>63</sup> − 1
   */
  public List<Long> naturals(int most) {
    List<Long> numbers = new ArrayList<>();
    list(element -> {
      if (numbers.size() == most) {
        throw wrong("no more than " + most + " numbers");
      }
      numbers.add(element.natural());
    });
    return List.copyOf(numbers);
  }

  private long natural() {
    if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT
        || parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
        || parser.getLongValue() < 0) {
      throw wrong("a whole number from 0 to " + Long.MAX_VALUE);
    }
    return parser.getLongValue();
  }

  /**
   * Takes a string.
   *
   * @return the string
   */
  public String string() {
    require(JsonToken.VALUE_STRING, "a string");
    return parser.getString();
  }

  /** Passes over a value of any kind. */
  public void skip() {
    parser.skipChildren();
  }

  /**
   * Takes an object with all that is in it.
   *
   * @return an unmodifiable tree of {@code Map<String, Object>}, {@code List<Object>}, {@code
   *     String}, {@code Long}, {@code Double} and {@code Boolean}, in the document's order and
   *     without its nulls; a whole number beyond a {@code Long} is a {@code Double}
   */
  public Map<String, Object> tree() {
    Map<String, Object> fields = new LinkedHashMap<>();
    object((name, value) -> {
      Object taken = value.any();
      if (taken != null) {
        fields.put(name, taken);
      }
    });
    return Collections.unmodifiableMap(fields);
  }

  private List<Object> trees() {
    List<Object> elements = new ArrayList<>();
    list(element -> {
      Object taken = element.any();
      if (taken != null) {
        elements.add(taken);
      }
    });
    return List.copyOf(elements);
  }

  private @Nullable Object any() {
    return switch (parser.currentToken()) {
      case START_OBJECT -> tree();
      case START_ARRAY -> trees();
      case VALUE_STRING -> parser.getString();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_NUMBER_INT -> whole();
      case VALUE_NUMBER_FLOAT -> real();
      default -> null;
    };
  }

  private Object whole() {
    BigInteger value = parser.getBigIntegerValue();
    return value.bitLength() < Long.SIZE ? (Object) value.longValue() : finite(value.doubleValue());
  }

  private double real() {
    double value = parser.getDoubleValue();
    if (Double.isNaN(value)) {
      throw wrong("a number");
    }
    return INFINITE.equals(parser.getString()) ? value : finite(value);
  }

  private double finite(double value) {
    if (Double.isInfinite(value)) {
      throw wrong("a number between -1.8e308 and 1.8e308");
    }
    return value;
  }

  /**
   * A refusal of the value that the cursor stands on.
   *
   * @param expected what it must be
   * @return the exception to throw
   */
  public CheckpointException wrong(String expected) {
    return new CheckpointException(
        "%s: %s is %s, but must be %s".formatted(source, place(), shown(), expected));
  }

  private void require(JsonToken token, String expected) {
    if (parser.currentToken() != token) {
      throw wrong(expected);
    }
  }

  private String place() {
    String pointer = parser.streamReadContext().pathAsPointer().toString();
    return pointer.isEmpty() ? "the document" : Quoted.plain(pointer.substring(1));
  }

  private String shown() {
    JsonToken token = parser.currentToken();
    return switch (token) {
      case null -> "empty";
      case START_OBJECT -> "an object";
      case START_ARRAY -> "a list";
      case VALUE_STRING -> Quoted.of(parser.getString());
      default -> Quoted.plain(parser.getString());
    };
  }
}
