package dev.serval.gpu.device;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class XidPolicyTest {
  @ParameterizedTest
  @CsvSource({
    "13, APPLICATION_ERROR",
    "31, APPLICATION_ERROR",
    "43, APPLICATION_ERROR",
    "45, IGNORE",
    "48, UNHEALTHY_UNTIL_RESET",
    "63, IGNORE",
    "64, UNHEALTHY_UNTIL_RESET",
    "79, UNHEALTHY_UNTIL_RESET",
    "94, APPLICATION_ERROR",
    "95, UNHEALTHY_UNTIL_RESET",
    "109, RECOVERABLE",
    "119, UNHEALTHY_UNTIL_RESET",
    "9999, RECOVERABLE",
  })
  void an_xid_has_its_response(int xid, XidResponse response) {
    assertThat(XidPolicy.stock().response(xid)).isEqualTo(response);
  }

  @Test
  void a_response_can_be_changed_for_some() {
    XidPolicy policy = XidPolicy.stock().with(XidResponse.IGNORE, 31, 79);

    assertThat(policy.response(31)).isEqualTo(XidResponse.IGNORE);
    assertThat(policy.response(79)).isEqualTo(XidResponse.IGNORE);
    assertThat(policy.response(48)).isEqualTo(XidResponse.UNHEALTHY_UNTIL_RESET);
    assertThat(XidPolicy.stock().response(31)).isEqualTo(XidResponse.APPLICATION_ERROR);
  }
}
