package dev.serval.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.serval.api.storage.CheckpointException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

/** Decoders of all kinds, next to what the native library makes of them. */
final class DecoderProgramTest {
  private static final String WORDS =
      """
      {"version": "1.0", "added_tokens": [],
       "model": {"type": "WordLevel", "unk_token": "?",
         "vocab": {"?": 0, "▁the": 1, "heron": 2, "##s": 3, " .": 4, "▁▁": 5, "<0xC3>": 6,
                   "<0xA4>": 7, " ": 8, "  x  ": 9, " n't": 10, "ab": 11, "xx": 12}},
       "decoder": %s}
      """;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "null",
        "{'type': 'Fuse'}",
        "{'type': 'ByteFallback'}",
        "{'type': 'ByteLevel', 'add_prefix_space': true, 'trim_offsets': true, 'use_regex': true}",
        "{'type': 'WordPiece', 'prefix': '##', 'cleanup': true}",
        "{'type': 'WordPiece', 'prefix': '##', 'cleanup': false}",
        "{'type': 'Metaspace', 'replacement': '▁', 'prepend_scheme': 'always', 'split': true}",
        "{'type': 'Metaspace', 'replacement': '▁', 'prepend_scheme': 'never', 'split': true}",
        "{'type': 'Metaspace', 'replacement': '▁', 'add_prefix_space': true}",
        "{'type': 'Strip', 'content': ' ', 'start': 0, 'stop': 1}",
        "{'type': 'Replace', 'pattern': {'String': 'x'}, 'content': 'yy'}",
        "{'type': 'Sequence', 'decoders': [{'type': 'Fuse'},"
            + " {'type': 'Replace', 'pattern': {'String': '▁'}, 'content': ' '}]}",
        "{'type': 'Sequence', 'decoders': [{'type': 'Fuse'},"
            + " {'type': 'Strip', 'content': ' ', 'start': 2, 'stop': 0}]}",
        "{'type': 'Sequence', 'decoders': [{'type': 'Fuse'},"
            + " {'type': 'Strip', 'content': ' ', 'start': 0, 'stop': 1}]}",
        "{'type': 'Sequence', 'decoders': ["
            + "{'type': 'Replace', 'pattern': {'String': '▁'}, 'content': ' '},"
            + " {'type': 'ByteFallback'}, {'type': 'Fuse'},"
            + " {'type': 'Strip', 'content': ' ', 'start': 1, 'stop': 0}]}",
      })
  void gives_what_the_native_library_gives(String decoder) {
    String json = WORDS.formatted(decoder.replace('\'', '"').replace("n\"t", "n't"));
    JsonFile file =
        new JsonFile("models/heron", "tokenizer.json", JsonMapper.shared().readTree(json));
    DecoderProgram program = DecoderProgram.read(file);
    TokenizersLibrary library = NativeLibrary.open();
    long handle = library.createTokenizerFromString(json);
    for (List<Integer> ids : sequences()) {
      String expected =
          library.decode(handle, ids.stream().mapToLong(Integer::longValue).toArray(), false);
      assertThat(decoded(program, Vocabulary.read(file), ids)).as("%s", ids).isEqualTo(expected);
    }
    library.deleteTokenizer(handle);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'type': 'CTC', 'pad_token': '', 'word_delimiter_token': '|', 'cleanup': true}",
        "{'type': 'Replace', 'pattern': {'Regex': 'x+'}, 'content': ' '}",
        "{'type': 'Sequence', 'decoders': [{'type': 'Fuse'},"
            + " {'type': 'Replace', 'pattern': {'String': 'xx'}, 'content': 'y'}]}",
        "{'type': 'Sequence', 'decoders': [{'type': 'Fuse'}, {'type': 'WordPiece'}]}",
        "7",
      })
  void what_cannot_be_decoded_in_pieces_is_refused_with_the_file(String decoder) {
    String json = WORDS.formatted(decoder.replace('\'', '"'));
    JsonFile file =
        new JsonFile("models/heron", "tokenizer.json", JsonMapper.shared().readTree(json));
    assertThatThrownBy(() -> DecoderProgram.read(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith("tokenizer.json of models/heron: decoder");
  }

  private static List<List<Integer>> sequences() {
    return IntStream.range(0, 13 * 13 * 13)
        .mapToObj(i -> Arrays.asList(i % 13, i / 13 % 13, i / 169).subList(0, 1 + i % 3))
        .filter(ids -> !halfCharacter(ids))
        .toList();
  }

  /** Bytes that form no character: the library gives up on all bytes around them as well. */
  private static boolean halfCharacter(List<Integer> ids) {
    for (int i = 0; i < ids.size(); i++) {
      boolean lead = i + 1 < ids.size() && ids.get(i) == 6 && ids.get(i + 1) == 7;
      if (lead) {
        i++;
      } else if (ids.get(i) == 6 || ids.get(i) == 7) {
        return true;
      }
    }
    return false;
  }

  private static String decoded(DecoderProgram program, Vocabulary vocabulary, List<Integer> ids) {
    DecoderStage stages = program.start();
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < ids.size(); i++) {
      text.append(stages.next(vocabulary.token(ids.get(i)), i == 0));
    }
    return text.append(stages.finish()).toString();
  }
}
