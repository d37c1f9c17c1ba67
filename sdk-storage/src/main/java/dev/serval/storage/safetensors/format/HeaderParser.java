package dev.serval.storage.safetensors.format;

import dev.serval.api.storage.CheckpointException;
import dev.serval.storage.text.JsonCursor;
import dev.serval.storage.text.Quoted;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Reads a header: an object with an entry for each tensor, of exactly {@code dtype}, {@code shape}
 * and {@code data_offsets}, and {@code __metadata__}, an object of strings, which nobody needs.
 */
final class HeaderParser {
  private static final String METADATA = "__metadata__";
  private static final int DIMENSIONS = 64;

  private final String file;
  private final SortedMap<String, TensorEntry> tensors = new TreeMap<>();

  private HeaderParser(String file) {
    this.file = file;
  }

  static SortedMap<String, TensorEntry> parse(String file, MemorySegment header) {
    return JsonCursor.read("the header of " + file, header, new HeaderParser(file)::tensors);
  }

  private SortedMap<String, TensorEntry> tensors(JsonCursor json) {
    json.object((name, value) -> {
      if (name.equals(METADATA)) {
        value.object((key, text) -> text.string());
      } else {
        tensors.put(name, new Fields(name).read(value));
      }
    });
    return tensors;
  }

  private final class Fields {
    private final String name;
    private @Nullable ElementType type;
    private @Nullable List<Long> shape;
    private @Nullable List<Long> offsets;

    Fields(String name) {
      this.name = name;
    }

    TensorEntry read(JsonCursor entry) {
      entry.object(this::field);
      return new TensorEntry(
          name,
          present(type, "dtype"),
          present(shape, "shape"),
          present(offsets, "data_offsets").getFirst(),
          present(offsets, "data_offsets").getLast());
    }

    private void field(String field, JsonCursor value) {
      switch (field) {
        case "dtype" -> type = type(value);
        case "shape" -> shape = value.naturals(DIMENSIONS);
        case "data_offsets" -> offsets = offsets(value);
        default ->
            throw problem(
                "has a field " + Quoted.of(field) + "; allowed are dtype, shape and data_offsets");
      }
    }

    private ElementType type(JsonCursor value) {
      String written = value.string();
      return ElementType.named(written)
          .orElseThrow(() ->
              problem(
                  "has the unknown dtype "
                      + Quoted.of(written)
                      + "; the format has "
                      + ElementType.names()));
    }

    private List<Long> offsets(JsonCursor value) {
      List<Long> both = value.naturals(2);
      if (both.size() != 2) {
        throw problem(
            "has data_offsets " + both + "; they are two numbers, where it begins and ends");
      }
      return both;
    }

    private <T> T present(@Nullable T value, String field) {
      if (value == null) {
        throw problem("has no " + field);
      }
      return value;
    }

    private CheckpointException problem(String sentence) {
      return new CheckpointException(file + ": tensor " + Quoted.of(name) + " " + sentence);
    }
  }
}
