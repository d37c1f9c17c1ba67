package dev.serval.simulator;

import java.util.List;

/**
 * Makes tokens of hash ids: equal ids give equal tokens, and different ones differ in every cache
 * block. What no id covers, and what is generated, is like no other request's.
 */
final class TracePrompts {
  static final int VOCABULARY = Integer.MAX_VALUE;
  private static final int SHARED = 0;
  private static final int OWN = 1 << 28;
  private static final int GENERATED = 1 << 29;
  private static final int MASK = OWN - 1;

  private final int hashTokens;

  TracePrompts(int hashTokens) {
    this.hashTokens = hashTokens;
  }

  int[] prompt(TracedRequest request, int number) {
    int[] tokens = new int[request.promptTokens()];
    List<Long> ids = request.hashIds();
    for (int i = 0; i < tokens.length; i++) {
      int block = i / hashTokens;
      tokens[i] =
          block < ids.size()
              ? SHARED | mixed(ids.get(block), i % hashTokens)
              : OWN | mixed(number, i);
    }
    return tokens;
  }

  static int generated(int number, int position) {
    return GENERATED | mixed(number, position);
  }

  /** Bits of the finaliser of MurmurHash3, which every bit of its input reaches. */
  private static int mixed(long id, int position) {
    long x = id * 0x9E3779B97F4A7C15L + position;
    x = (x ^ (x >>> 33)) * 0xFF51AFD7ED558CCDL;
    x = (x ^ (x >>> 33)) * 0xC4CEB9FE1A85EC53L;
    return (int) (x ^ (x >>> 33)) & MASK;
  }
}
