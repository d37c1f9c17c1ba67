package dev.serval.server.json;

import com.fasterxml.jackson.annotation.JsonInclude.Include;
import dev.serval.server.errors.ApiError;
import dev.serval.server.errors.ApiException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reads and writes JSON as RFC 8259 has it and no wider: well-formed UTF-8, no name twice in an
 * object, nothing after the value, at most {@value #MAX_DEPTH} levels and {@value #MAX_DIGITS}
 * digits.
 */
public final class Json {
  private static final int MAX_DEPTH = 64;
  private static final int MAX_DIGITS = 400;

  /** What the parser's sentences have for who writes Java: its classes, its options, its source. */
  private static final Pattern OF_THE_READER =
      Pattern.compile(
          " \\((?:start marker|for \\w+ starting) at .*| \\(not recognized .*"
              + "| \\((?:bound as )?`[^`]*`\\)|: not allowed as per .*"
              + "|, from `[^`]*`|: enable `[^`]*`.*");

  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(MAX_DEPTH)
                          .maxNumberLength(MAX_DIGITS)
                          .build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .changeDefaultPropertyInclusion(
              inclusion -> inclusion.withValueInclusion(Include.NON_NULL))
          .build();

  private Json() {}

  /**
   * Reads a body that must be an object.
   *
   * @param body the bytes received
   * @return the object
   * @throws ApiException when it is not JSON, saying where, or not an object
   */
  public static Value object(byte[] body) {
    if (body.length == 0) {
      throw ApiError.badRequest(null, "the body is empty; it must be a JSON object").raise();
    }
    Value root = new Value("", tree(utf8(body)));
    root.check(root.isObject(), "a JSON object");
    return root;
  }

  /**
   * Writes a value.
   *
   * @param value a record whose components' names, in snake case, are the fields; null ones are
   *     left out unless annotated otherwise
   * @return the JSON, on one line
   */
  public static String text(Object value) {
    return MAPPER.writeValueAsString(value);
  }

  private static String utf8(byte[] body) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer bytes = ByteBuffer.wrap(body);
    try {
      return decoder.decode(bytes).toString();
    } catch (CharacterCodingException malformed) {
      throw ApiError.badRequest(
              null, "the body is not valid UTF-8: malformed at byte " + bytes.position())
          .raise();
    }
  }

  private static JsonNode tree(String json) {
    try {
      return MAPPER.readTree(json);
    } catch (JacksonException malformed) {
      throw ApiError.badRequest(null, "invalid_json", sentence(malformed)).raise();
    }
  }

  private static String sentence(JacksonException malformed) {
    TokenStreamLocation place = malformed.getLocation();
    String position =
        place == null ? "" : " at line " + place.getLineNr() + ", column " + place.getColumnNr();
    String reason = malformed.getOriginalMessage().lines().findFirst().orElse("malformed");
    return "the body is not valid JSON"
        + position
        + ": "
        + OF_THE_READER.matcher(reason).replaceAll("");
  }
}
