package dev.serval.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class TokenizerGarbageTest {
  @Test
  void what_nobody_refers_to_is_gone_once_weights_begin_and_all_is_heard() {
    List<String> heard = new ArrayList<>();
    TokenizerGarbage listener =
        new TokenizerGarbage((stage, done, total) -> heard.add(stage + done + total));
    WeakReference<byte[]> garbage = new WeakReference<>(new byte[1]);
    listener.progress("checkpoint", 1, 2);
    listener.progress("weights", 3, 4);
    assertThat(garbage.get()).isNull();
    listener.progress("weights", 4, 4);
    assertThat(heard).containsExactly("checkpoint12", "weights34", "weights44");
  }
}
