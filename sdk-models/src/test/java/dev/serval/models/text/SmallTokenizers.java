package dev.serval.models.text;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import tools.jackson.databind.json.JsonMapper;

/** Small tokenizer files of the two kinds that there are. */
final class SmallTokenizers {
  private SmallTokenizers() {}

  /** Byte-level BPE, as Llama 3 and Qwen have it. */
  static String byteLevel() {
    return byteLevel(List.of("<|end|>", "<think>"));
  }

  /** The same with added tokens, from 266 on, of which those in angles with bars are special. */
  static String byteLevel(List<String> tokens) {
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    for (int octet = 0; octet < 256; octet++) {
      vocabulary.put(spelt(octet), octet);
    }
    List<String> merges =
        merge(vocabulary, "Ġ t", "h e", "Ġt he", "i s", "Ġ a", "Ã ¤", "ð Ł", "ðŁ ĳ", "Ģ į", "± ðŁ");
    Map<String, Object> byteLevel =
        Map.of(
            "type",
            "ByteLevel",
            "add_prefix_space",
            false,
            "trim_offsets",
            true,
            "use_regex",
            true);
    return file(
        vocabulary,
        merges,
        false,
        IntStream.range(0, tokens.size())
            .mapToObj(
                i -> added(vocabulary.size() + i, tokens.get(i), tokens.get(i).startsWith("<|")))
            .toList(),
        Map.of("pre_tokenizer", byteLevel, "decoder", byteLevel));
  }

  /** BPE over characters with bytes to fall back on, as Llama 2 and Mistral have it. */
  static String sentencePiece() {
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    for (String special : List.of("<unk>", "<s>", "</s>")) {
      vocabulary.put(special, vocabulary.size());
    }
    for (int octet = 0; octet < 256; octet++) {
      vocabulary.put("<0x%02X>".formatted(octet), vocabulary.size());
    }
    "▁abcdefghijklmnopqrstuvwxyzWTö,.?"
        .chars()
        .forEach(c -> vocabulary.put(Character.toString(c), vocabulary.size()));
    List<String> merges = merge(vocabulary, "▁ t", "h e", "▁t he", "▁ ▁", "i s", "▁ a", "▁ W");
    return file(
        vocabulary,
        merges,
        true,
        List.of(added(0, "<unk>", true), added(1, "<s>", true), added(2, "</s>", true)),
        Map.of(
            "normalizer",
            Map.of(
                "type",
                "Sequence",
                "normalizers",
                List.of(Map.of("type", "Prepend", "prepend", "▁"), replace(" ", "▁"))),
            "post_processor",
            Map.of(
                "type",
                "TemplateProcessing",
                "single",
                List.of(special("<s>"), Map.of("Sequence", Map.of("id", "A", "type_id", 0))),
                "pair",
                List.of(
                    Map.of("Sequence", Map.of("id", "A", "type_id", 0)),
                    Map.of("Sequence", Map.of("id", "B", "type_id", 1))),
                "special_tokens",
                Map.of("<s>", Map.of("id", "<s>", "ids", List.of(1), "tokens", List.of("<s>")))),
            "decoder",
            Map.of(
                "type",
                "Sequence",
                "decoders",
                List.of(
                    replace("▁", " "),
                    Map.of("type", "ByteFallback"),
                    Map.of("type", "Fuse"),
                    Map.of("type", "Strip", "content", " ", "start", 1, "stop", 0)))));
  }

  static String json(Object value) {
    return JsonMapper.shared().writeValueAsString(value);
  }

  private static String file(
      Map<String, Integer> vocabulary,
      List<String> merges,
      boolean byteFallback,
      List<Map<String, Object>> added,
      Map<String, Object> rest) {
    Map<String, Object> model = new LinkedHashMap<>();
    model.put("type", "BPE");
    model.put("byte_fallback", byteFallback);
    model.put("fuse_unk", byteFallback);
    model.put("vocab", vocabulary);
    model.put("merges", merges);
    Map<String, Object> file = new LinkedHashMap<>(rest);
    file.put("version", "1.0");
    file.put("added_tokens", added);
    file.put("model", model);
    return json(file);
  }

  private static List<String> merge(Map<String, Integer> vocabulary, String... merges) {
    List<String> all = new ArrayList<>();
    for (String merge : merges) {
      vocabulary.putIfAbsent(merge.replace(" ", ""), vocabulary.size());
      all.add(merge);
    }
    return all;
  }

  private static Map<String, Object> added(int id, String content, boolean special) {
    return Map.of(
        "id", id,
        "content", content,
        "single_word", false,
        "lstrip", false,
        "rstrip", false,
        "normalized", false,
        "special", special);
  }

  private static Map<String, Object> replace(String from, String to) {
    return Map.of("type", "Replace", "pattern", Map.of("String", from), "content", to);
  }

  private static Map<String, Object> special(String token) {
    return Map.of("SpecialToken", Map.of("id", token, "type_id", 0));
  }

  private static String spelt(int octet) {
    boolean printable = (octet > 0x20 && octet < 0x7F) || (octet > 0xA0 && octet != 0xAD);
    if (printable) {
      return Character.toString(octet);
    }
    int before = octet < 0x7F ? octet : octet < 0xA1 ? octet - 0x7F + 0x21 : 0x21 + 0x22;
    return Character.toString(256 + before);
  }
}
