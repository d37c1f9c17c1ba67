package dev.serval.simulator;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A request of a trace as one line of JSON. */
final class TraceLine {
  private static final int MILLIS_TO_NANOS = 6;
  private static final int SECONDS_TO_NANOS = 9;

  private final JsonMapper json =
      JsonMapper.builder().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS).build();

  TracedRequest read(String line, String place) {
    try {
      JsonNode node = json.readTree(line);
      if (!node.isObject()) {
        throw new IllegalArgumentException("a request is a JSON object");
      }
      return new TracedRequest(
          arrival(node),
          count(node, "input_length"),
          count(node, "output_length"),
          hashIds(node),
          text(node, "class"),
          text(node, "tenant"),
          node.has("priority") ? count(node, "priority") : 0);
    } catch (JacksonException e) {
      throw new IllegalArgumentException(place + ": not JSON: " + e.getOriginalMessage(), e);
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new IllegalArgumentException(place + ": " + e.getMessage(), e);
    }
  }

  private static Duration arrival(JsonNode node) {
    if (node.has("timestamp")) {
      return time(node, "timestamp", MILLIS_TO_NANOS);
    }
    if (node.has("arrival")) {
      return time(node, "arrival", SECONDS_TO_NANOS);
    }
    throw new IllegalArgumentException(
        "a request has a timestamp in milliseconds, or an arrival in seconds");
  }

  private static Duration time(JsonNode node, String field, int digits) {
    BigDecimal value = number(node, field).decimalValue();
    return Duration.ofNanos(
        value.movePointRight(digits).setScale(0, RoundingMode.HALF_UP).longValueExact());
  }

  private static int count(JsonNode node, String field) {
    return number(node, field).decimalValue().intValueExact();
  }

  private static JsonNode number(JsonNode node, String field) {
    JsonNode value = node.path(field);
    if (!value.isNumber()) {
      throw new IllegalArgumentException("'" + field + "' is a number, unlike " + value);
    }
    return value;
  }

  private static String text(JsonNode node, String field) {
    JsonNode value = node.path(field);
    if (value.isMissingNode()) {
      return "";
    }
    if (!value.isString()) {
      throw new IllegalArgumentException("'" + field + "' is a text, unlike " + value);
    }
    return value.stringValue();
  }

  private static List<Long> hashIds(JsonNode node) {
    List<Long> ids = new ArrayList<>();
    for (JsonNode id : node.path("hash_ids")) {
      if (!id.isIntegralNumber()) {
        throw new IllegalArgumentException("'hash_ids' are whole numbers, unlike " + id);
      }
      ids.add(id.longValue());
    }
    return ids;
  }

  String write(TracedRequest request) {
    ObjectNode line = json.createObjectNode();
    BigDecimal millis = BigDecimal.valueOf(request.arrival().toNanos(), MILLIS_TO_NANOS);
    line.put("timestamp", plain(millis));
    line.put("input_length", request.promptTokens());
    line.put("output_length", request.outputTokens());
    if (!request.hashIds().isEmpty()) {
      ArrayNode ids = line.putArray("hash_ids");
      request.hashIds().forEach(ids::add);
    }
    putUnlessEmpty(line, "class", request.serviceClass());
    putUnlessEmpty(line, "tenant", request.tenant());
    if (request.priority() != 0) {
      line.put("priority", request.priority());
    }
    return json.writeValueAsString(line);
  }

  /** Without zeros at the end, and without an exponent. */
  private static BigDecimal plain(BigDecimal value) {
    BigDecimal stripped = value.stripTrailingZeros();
    return stripped.scale() < 0 ? stripped.setScale(0) : stripped;
  }

  private static void putUnlessEmpty(ObjectNode line, String field, String text) {
    if (!text.isEmpty()) {
      line.put(field, text);
    }
  }
}
