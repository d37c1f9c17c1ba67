package dev.serval.models.text;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import tools.jackson.databind.JsonNode;

/** Reads a {@link DecoderProgram}; nothing of the file is kept by what it makes. */
final class DecoderProgramReader {
  private static final String KNOWN =
      "one of ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip, WordPiece";

  private final JsonFile file;
  private final List<Supplier<DecoderStage>> stages = new ArrayList<>();
  private final List<Supplier<DecoderStage>> edges = new ArrayList<>();
  private boolean fused;
  private boolean bytes;

  DecoderProgramReader(JsonFile file) {
    this.file = file;
  }

  DecoderProgram read() {
    JsonNode decoder = file.root().path("decoder");
    if (decoder.isMissingNode() || decoder.isNull()) {
      stages.add(() -> (piece, first) -> first ? piece : " " + piece);
    } else {
      read(decoder);
    }
    return new DecoderProgram(stages, edges);
  }

  private void read(JsonNode decoder) {
    switch (decoder.path("type").stringValue("")) {
      case "Sequence" -> decoder.path("decoders").forEach(this::read);
      case "ByteLevel" -> joinBytes(decoder, ByteLevelStage::new, true);
      case "ByteFallback" -> joinBytes(decoder, ByteFallbackStage::new, false);
      case "Fuse" -> fused = true;
      case "Replace" -> replace(decoder);
      case "Strip" -> strip(decoder);
      case "Metaspace" -> metaspace(decoder);
      case "WordPiece" -> wordPiece(decoder);
      default -> throw file.wrong("decoder.type", KNOWN, decoder.path("type"));
    }
  }

  private void joinBytes(JsonNode decoder, Supplier<DecoderStage> stage, boolean fuses) {
    requireTokens(decoder);
    stages.add(stage);
    bytes = true;
    fused = fuses;
  }

  private void replace(JsonNode decoder) {
    String from = decoder.path("pattern").path("String").stringValue("");
    String to = decoder.path("content").stringValue("");
    if (from.isEmpty()) {
      throw file.wrong("decoder.pattern", "a String", decoder.path("pattern"));
    }
    if ((fused || bytes) && from.length() > 1) {
      throw file.wrong("decoder.pattern", "one character, after Fuse", decoder.path("pattern"));
    }
    stages.add(() -> (piece, first) -> piece.replace(from, to));
  }

  private void strip(JsonNode decoder) {
    char character = character(decoder, "content", ' ');
    int start = decoder.path("start").intValue(0);
    int stop = decoder.path("stop").intValue(0);
    if (fused) {
      edges.add(() -> new StripStage(character, start, stop));
    } else {
      requireTokens(decoder);
      stages.add(() -> (piece, first) -> new StripStage(character, start, stop).next(piece, first));
    }
  }

  private void metaspace(JsonNode decoder) {
    requireTokens(decoder);
    char mark = character(decoder, "replacement", '▁');
    boolean prefixed =
        decoder.has("prepend_scheme")
            ? !decoder.path("prepend_scheme").stringValue("").equals("never")
            : decoder.path("add_prefix_space").booleanValue(true);
    String spelt = String.valueOf(mark);
    stages.add(() -> (piece, first) -> piece.replace(spelt, first && prefixed ? "" : " "));
  }

  private void wordPiece(JsonNode decoder) {
    requireTokens(decoder);
    String prefix = decoder.path("prefix").stringValue("##");
    boolean cleanup = decoder.path("cleanup").booleanValue(true);
    stages.add(() -> (piece, first) -> words(piece, first, prefix, cleanup));
  }

  private static String words(String piece, boolean first, String prefix, boolean cleanup) {
    if (piece.isEmpty()) {
      return piece;
    }
    String word =
        first ? piece : piece.startsWith(prefix) ? piece.substring(prefix.length()) : " " + piece;
    return cleanup ? tidied(word) : word;
  }

  private static String tidied(String word) {
    return word.replace(" .", ".")
        .replace(" ?", "?")
        .replace(" !", "!")
        .replace(" ,", ",")
        .replace(" ' ", "'")
        .replace(" n't", "n't")
        .replace(" 'm", "'m")
        .replace(" do not", " don't")
        .replace(" 's", "'s")
        .replace(" 've", "'ve")
        .replace(" 're", "'re");
  }

  private void requireTokens(JsonNode decoder) {
    if (fused || bytes) {
      throw file.damaged(
          "decoder "
              + decoder.path("type").stringValue("")
              + " works on tokens and cannot follow one that joins them");
    }
  }

  private char character(JsonNode decoder, String field, char usual) {
    JsonNode value = decoder.path(field);
    if (value.isMissingNode()) {
      return usual;
    }
    if (value.stringValue("").length() != 1) {
      throw file.wrong("decoder." + field, "one character", value);
    }
    return value.stringValue().charAt(0);
  }
}
