package dev.serval.models.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;

/** The methods that values have: those of Python's that change nothing. */
final class Methods {
  /** A method of texts. */
  @FunctionalInterface
  private interface TextMethod {
    Object call(String text, Arguments arguments);
  }

  /** A method of dicts. */
  @FunctionalInterface
  private interface DictMethod {
    Object call(Map<?, ?> map, Arguments arguments);
  }

  private static final Map<String, TextMethod> TEXT = textMethods();
  private static final Map<String, DictMethod> DICT =
      Map.of(
          "items", (map, arguments) -> Iterated.view(pairs(map)),
          "keys", (map, arguments) -> Iterated.view(new ArrayList<>(map.keySet())),
          "values", (map, arguments) -> Iterated.view(new ArrayList<>(map.values())),
          "get", Methods::get);
  private static final Set<String> LIST = Set.of("count", "index");
  private static final Set<String> LOOP = Set.of("cycle");

  private Methods() {}

  /** Refuses a method that no value has. */
  static void require(String name) {
    if (!TEXT.containsKey(name)
        && !DICT.containsKey(name)
        && !LIST.contains(name)
        && !LOOP.contains(name)) {
      throw TemplateFailure.of(
          "the method '%s' is not supported; texts have %s, and dicts %s"
              .formatted(
                  name,
                  String.join(", ", TEXT.keySet()),
                  String.join(", ", new java.util.TreeSet<>(DICT.keySet()))));
    }
  }

  /** Whether a value has a method of this name. */
  static boolean known(Object of, String name) {
    return switch (of) {
      case String text -> TEXT.containsKey(name);
      case Map<?, ?> map -> DICT.containsKey(name);
      case List<?> list -> LIST.contains(name);
      case LoopState loop -> LOOP.contains(name);
      default -> false;
    };
  }

  static Object call(Object of, Arguments arguments) {
    String name = arguments.callee();
    if (of instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (!known(of, name)) {
      throw TemplateFailure.of("a %s has no method '%s'".formatted(Values.kind(of), name));
    }
    return switch (of) {
      case String text -> TEXT.getOrDefault(name, Methods::nothing).call(text, arguments);
      case Map<?, ?> map -> DICT.getOrDefault(name, Methods::nothing).call(map, arguments);
      case List<?> list -> count(list, arguments.only("value"));
      case LoopState loop -> loop.cycle(arguments.positional());
      default -> throw new IllegalStateException(name);
    };
  }

  /** The pairs of a dict, as tuples. */
  static List<Object> pairs(Map<?, ?> map) {
    List<Object> pairs = new ArrayList<>();
    map.forEach((key, value) -> pairs.add(new Tuple(List.of(key, value))));
    return pairs;
  }

  private static Object nothing(Object of, Arguments arguments) {
    throw new IllegalStateException(arguments.callee());
  }

  private static Object get(Map<?, ?> map, Arguments arguments) {
    Object value = map.get(arguments.only("key", "default").required(0, "key"));
    return value == null ? arguments.optional(1, "default", None.NONE) : value;
  }

  private static Object count(List<?> list, Arguments arguments) {
    Object wanted = arguments.required(0, "value");
    List<Integer> places = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      if (Values.equal(list.get(i), wanted)) {
        places.add(i);
      }
    }
    if (arguments.callee().equals("count")) {
      return (long) places.size();
    }
    if (places.isEmpty()) {
      throw TemplateFailure.of(Values.represent(wanted) + " is not in the list");
    }
    return (long) places.getFirst();
  }

  private static Map<String, TextMethod> textMethods() {
    Map<String, TextMethod> methods = new TreeMap<>();
    methods.put("strip", (text, arguments) -> strip(text, arguments, true, true));
    methods.put("lstrip", (text, arguments) -> strip(text, arguments, true, false));
    methods.put("rstrip", (text, arguments) -> strip(text, arguments, false, true));
    methods.put("startswith", (text, arguments) -> affix(arguments, text::startsWith));
    methods.put("endswith", (text, arguments) -> affix(arguments, text::endsWith));
    methods.put("removeprefix", Methods::withoutPrefix);
    methods.put("removesuffix", Methods::withoutSuffix);
    methods.put("split", (text, arguments) -> split(text, arguments, false));
    methods.put("rsplit", (text, arguments) -> split(text, arguments, true));
    methods.put("splitlines", Methods::lines);
    methods.put("replace", Methods::replace);
    methods.put("join", Methods::join);
    methods.put("find", (text, arguments) -> find(text, arguments, false));
    methods.put("rfind", (text, arguments) -> find(text, arguments, true));
    methods.put("count", (text, arguments) -> (long) Texts.count(text, arguments.text(0, "sub")));
    methods.put("upper", (text, arguments) -> Texts.upper(text));
    methods.put("lower", (text, arguments) -> Texts.lower(text));
    methods.put("title", (text, arguments) -> Texts.title(text));
    methods.put("capitalize", (text, arguments) -> Texts.capitalized(text));
    methods.put("isdigit", (text, arguments) -> all(text, Character::isDigit));
    methods.put("isalpha", (text, arguments) -> all(text, Character::isLetter));
    methods.put("isalnum", (text, arguments) -> all(text, Character::isLetterOrDigit));
    methods.put("isspace", (text, arguments) -> all(text, Texts::space));
    methods.put("isupper", (text, arguments) -> cased(text) && text.equals(Texts.upper(text)));
    methods.put("islower", (text, arguments) -> cased(text) && text.equals(Texts.lower(text)));
    return methods;
  }

  private static Object strip(String text, Arguments arguments, boolean left, boolean right) {
    Object characters = arguments.only("chars").optional(0, "chars", None.NONE);
    return Texts.strip(
        text,
        characters == None.NONE ? null : Values.text(characters, arguments.callee()),
        left,
        right);
  }

  private static Object affix(Arguments arguments, Predicate<String> test) {
    Object affix = arguments.only("affix").required(0, "affix");
    List<?> choices = affix instanceof Tuple tuple ? tuple : List.of(affix);
    return choices.stream().anyMatch(each -> test.test(Values.text(each, arguments.callee())));
  }

  private static Object withoutPrefix(String text, Arguments arguments) {
    String prefix = arguments.only("prefix").text(0, "prefix");
    return text.startsWith(prefix) ? text.substring(prefix.length()) : text;
  }

  private static Object withoutSuffix(String text, Arguments arguments) {
    String suffix = arguments.only("suffix").text(0, "suffix");
    return text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
  }

  private static Object split(String text, Arguments arguments, boolean fromRight) {
    Object separator = arguments.only("sep", "maxsplit").optional(0, "sep", None.NONE);
    long limit = arguments.integer(1, "maxsplit", -1);
    if (separator == None.NONE) {
      if (fromRight && limit >= 0) {
        throw TemplateFailure.of("rsplit with a limit needs a separator");
      }
      return Texts.words(text, limit);
    }
    String at = Values.text(separator, arguments.callee());
    return fromRight ? Texts.splitFromRight(text, at, limit) : Texts.split(text, at, limit);
  }

  private static Object lines(String text, Arguments arguments) {
    return Texts.lines(text, arguments.only("keepends").flag(0, "keepends", false));
  }

  private static Object replace(String text, Arguments arguments) {
    arguments.only("old", "new", "count");
    return Texts.replace(
        text,
        arguments.text(0, "old"),
        arguments.text(1, "new"),
        arguments.integer(2, "count", -1));
  }

  private static Object join(String text, Arguments arguments) {
    List<Object> items = Values.items(arguments.only("iterable").required(0, "iterable"));
    return String.join(text, items.stream().map(each -> Values.text(each, "join")).toList());
  }

  private static Object find(String text, Arguments arguments, boolean last) {
    String part = arguments.only("sub").text(0, "sub");
    int at = last ? text.lastIndexOf(part) : text.indexOf(part);
    return at < 0 ? -1L : (long) text.codePointCount(0, at);
  }

  private static boolean all(String text, java.util.function.IntPredicate test) {
    return !text.isEmpty() && text.codePoints().allMatch(test);
  }

  private static boolean cased(String text) {
    return !Texts.upper(text).equals(Texts.lower(text));
  }
}
