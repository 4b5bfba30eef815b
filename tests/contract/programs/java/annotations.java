@Unknown
public class Annotated { @Override public String toStrin() { return ""; } @FunctionalInterface interface Two { void a(); void b(); } }
