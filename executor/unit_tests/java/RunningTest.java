package precieux;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.junit.platform.engine.TestExecutionResult;

/** A test that runs. What is noted first decides its outcome. */
final class RunningTest {
    private static final int MESSAGE = 4096;
    private static final int FULL_REPORT = 16384;
    /** The verdict that goes with an outcome. Of the others it is null. */
    private static final Map<String, String> VERDICTS =
        Map.of("passed", "accepted", "failed", "wrong_answer", "error", "runtime_error");
    private final Relay relay;
    private final long number;
    private final double points;
    private String outcome = "passed";
    private String message = "";
    private String full = "";
    private int passed;

    RunningTest(Relay relay, long number, double points, Report report) {
        this.relay = relay;
        this.number = number;
        this.points = points;
        report.tell("begin", Map.of("number", number));
    }

    /** Notes how a part of the test ended. A test passes if at least one part has, and no part has ended badly. */
    void note(TestExecutionResult result) {
        Throwable thrown = result.getThrowable().orElse(null);
        switch (result.getStatus()) {
            case SUCCESSFUL:
                passed++;
                break;
            case ABORTED:
                note("skipped", thrown);
                break;
            default:
                note(thrown instanceof AssertionError ? "failed" : "error", thrown);
        }
    }

    void skip(String reason) {
        note("skipped", null);
        if (message.isEmpty()) message = reason;
    }

    private void note(String ended, Throwable thrown) {
        if (!outcome.equals("passed") && !(outcome.equals("skipped") && !ended.equals("skipped"))) return;
        outcome = ended;
        if (thrown == null) return;
        message = explain(thrown);
        StringWriter trace = new StringWriter();
        thrown.printStackTrace(new PrintWriter(trace));
        full = message + "\n" + trace;
    }

    /** Returns the class and text of an exception, with the student's lines, and no line of a test. */
    private String explain(Throwable thrown) {
        String name = relay.nameOf(thrown);
        name = name.substring(name.lastIndexOf('.') + 1);
        StringBuilder text = new StringBuilder();
        if (!(thrown instanceof StudentError)) text.append(name).append(thrown.getMessage() == null ? "" : ": ");
        text.append(thrown.getMessage() == null ? "" : thrown.getMessage());
        for (String place : relay.placesOf(thrown)) text.append('\n').append(place);
        return text.toString();
    }

    void end(Report report, Written written) {
        if (passed == 0 && outcome.equals("passed")) {
            outcome = "error";
            message = "The test has run no case.";
        }
        boolean isOver = written.isOver();
        Map<String, Object> fields = new HashMap<>(written.take());
        fields.put("number", number);
        fields.put("outcome", isOver ? "error" : outcome);
        fields.put("verdict", isOver ? "output_limit" : VERDICTS.get(outcome));
        fields.put("points", outcome.equals("passed") && !isOver ? points : 0.0);
        fields.put("message", isOver ? "The program wrote more than its limit of output in this test." : cut(message, MESSAGE));
        fields.put("judge_message", cut(full, FULL_REPORT));
        report.tell("end", fields);
    }

    /** Returns the beginning of a text; null if it has none. */
    static String cut(String text, int size) {
        if (text.isEmpty()) return null;
        CharBuffer from = CharBuffer.wrap(text);
        ByteBuffer to = ByteBuffer.allocate(size);
        StandardCharsets.UTF_8.newEncoder().encode(from, to, true);
        return text.substring(0, from.position());
    }
}
