package dev.serval.server.json;

import dev.serval.server.errors.ApiError;
import dev.serval.server.errors.ApiException;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/**
 * A value of a request's body that knows where it stands, so that what is wrong with it can be said
 * by its path, such as {@code messages[2].content}. A field that is null counts as absent. It
 * remembers which of its fields were read, and belongs to one thread.
 */
public final class Value {
  private static final int MAX_SHOWN = 60;

  private final String path;
  private final JsonNode node;
  private final Set<String> read = new HashSet<>();

  Value(String path, JsonNode node) {
    this.path = path;
    this.node = node;
  }

  /** Where it stands; empty for the body itself. */
  public String path() {
    return path;
  }

  /** A field of this object, unless it is absent or null. */
  public Optional<Value> get(String name) {
    read.add(name);
    JsonNode field = node.get(name);
    return field == null || field.isNull()
        ? Optional.empty()
        : Optional.of(new Value(below(name), field));
  }

  /** A field of this object that must be there. */
  public Value require(String name) {
    return get(name)
        .orElseThrow(
            () -> ApiError.badRequest(below(name), "'" + below(name) + "' is missing").raise());
  }

  /** A string, without halves of surrogate pairs. */
  public String text() {
    check(node.isString(), "a string");
    String text = node.stringValue();
    int broken = loneSurrogate(text);
    if (broken >= 0) {
      throw refusal("well-formed Unicode", "a text with half a surrogate pair at index " + broken);
    }
    return text;
  }

  /** A number that is neither too large for a double nor not a number. */
  public double number() {
    check(node.isNumber(), "a number");
    double value = node.asDouble();
    if (!Double.isFinite(value)) {
      throw refusal("a number within the range of a double", "one beyond it");
    }
    return value;
  }

  /** A whole number of 32 bits; 16.0 is one, 16.5 and "16" are not. */
  public int integer() {
    long value = wide();
    check((int) value == value, "a whole number of 32 bits");
    return (int) value;
  }

  /** A whole number of 64 bits. */
  public long wide() {
    check(node.isNumber(), "a whole number");
    return node.isIntegralNumber() ? integral() : integral(number());
  }

  private long integral() {
    check(node.canConvertToLong(), "a whole number of 64 bits");
    return node.longValue();
  }

  private long integral(double value) {
    check(value == Math.rint(value) && Math.abs(value) < 0x1p63, "a whole number");
    return (long) value;
  }

  /** True or false. */
  public boolean truth() {
    check(node.isBoolean(), "true or false");
    return node.booleanValue();
  }

  /** The elements of an array. */
  public List<Value> items() {
    check(node.isArray(), "an array");
    return IntStream.range(0, node.size()).mapToObj(this::item).toList();
  }

  /** The elements of an array of whole numbers of 32 bits. */
  public int[] integers() {
    check(node.isArray(), "an array");
    int[] values = new int[node.size()];
    for (int i = 0; i < values.length; i++) {
      JsonNode item = node.get(i);
      values[i] = item.isInt() ? item.intValue() : item(i).integer();
    }
    return values;
  }

  /** The first element of an array that is not empty. */
  public Value first() {
    return item(0);
  }

  private Value item(int index) {
    return new Value(path + "[" + index + "]", node.get(index));
  }

  /** The fields of an object, in their order. */
  public Map<String, Value> fields() {
    check(node.isObject(), "an object");
    Map<String, Value> fields = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> field : node.properties()) {
      fields.put(field.getKey(), new Value(below(field.getKey()), field.getValue()));
    }
    return fields;
  }

  /** The fields of this object that nobody has asked for yet, in their order. */
  public List<String> unread() {
    return node.properties().stream()
        .filter(field -> !read.contains(field.getKey()) && !field.getValue().isNull())
        .map(Map.Entry::getKey)
        .toList();
  }

  /** Whether it is a string. */
  public boolean isText() {
    return node.isString();
  }

  /** Whether it is a number. */
  public boolean isNumber() {
    return node.isNumber();
  }

  /** Whether it is true or false. */
  public boolean isTruth() {
    return node.isBoolean();
  }

  /** Whether it is an array. */
  public boolean isArray() {
    return node.isArray();
  }

  /** Whether it is an object. */
  public boolean isObject() {
    return node.isObject();
  }

  /** Whether it is an array, an object or a string with nothing in it. */
  public boolean isEmpty() {
    return node.isString() ? node.stringValue().isEmpty() : node.isContainer() && node.isEmpty();
  }

  /** Whether it is this string. */
  public boolean is(String text) {
    return node.isString() && node.stringValue().equals(text);
  }

  /** Whether it is this number. */
  public boolean is(double number) {
    return node.isNumber() && node.asDouble() == number;
  }

  /** Whether it is this truth. */
  public boolean is(boolean truth) {
    return node.isBoolean() && node.booleanValue() == truth;
  }

  /**
   * Refuses it unless it is right.
   *
   * @param right whether it is
   * @param expected what it must be
   * @throws ApiException when it is not, naming the path, what was found and what is allowed
   */
  public void check(boolean right, String expected) {
    if (!right) {
      throw refusal(expected);
    }
  }

  /** The error that says what it must be and what it is. */
  public ApiException refusal(String expected) {
    return refusal(expected, found());
  }

  private ApiException refusal(String expected, String found) {
    String name = path.isEmpty() ? "the body" : "'" + path + "'";
    String message = name + " must be " + expected + ", not " + found;
    return ApiError.badRequest(path.isEmpty() ? null : path, "invalid_value", message).raise();
  }

  private String below(String name) {
    return path.isEmpty() ? name : path + "." + name;
  }

  private String found() {
    return switch (node.getNodeType()) {
      case ARRAY -> node.isEmpty() ? "an empty array" : "an array";
      case OBJECT -> "an object";
      case STRING -> "the string " + shown();
      case NUMBER -> "the number " + shown();
      case NULL -> "null";
      default -> shown();
    };
  }

  private String shown() {
    String text = node.toString();
    return text.length() <= MAX_SHOWN ? text : text.substring(0, MAX_SHOWN) + "…";
  }

  private static int loneSurrogate(String text) {
    int i = 0;
    while (i < text.length()) {
      int point = text.codePointAt(i);
      if (point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE) {
        return i;
      }
      i += Character.charCount(point);
    }
    return -1;
  }
}
