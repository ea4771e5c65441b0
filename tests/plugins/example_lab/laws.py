"""The laws of the lab's plugins: what its own repository would run."""

from bmi_app.testing import laws_of_decoder, laws_of_driver, laws_of_output, laws_of_rule, laws_of_subject

test_leaky = laws_of_decoder("leaky")
test_sign_lms = laws_of_rule("sign_lms")
test_metronome = laws_of_driver("metronome")
test_swaying = laws_of_subject("swaying")
test_bell = laws_of_output("bell")
