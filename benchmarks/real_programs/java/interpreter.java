import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;

/** An interpreter of a small language: it splits the text into tokens, parses them to a tree, and walks the tree. */
public class Main {
  static final String SOURCE = """
      fun gcd(a, b) { while (b > 0) { let rest = a % b; a = b; b = rest; } return a; }
      fun fib(n) { if (n < 2) { return n; } return fib(n - 1) + fib(n - 2); }
      fun collatz(n) { let steps = 0; while (n != 1) { if (n % 2 == 0) { n = n / 2; } else { n = 3 * n + 1; }
        steps = steps + 1; } return steps; }
      fun is_prime(n) { let d = 2; while (d * d <= n) { if (n % d == 0) { return 0; } d = d + 1; } return n > 1; }
      let i = 1; let sum = 0; let longest = 0; let primes = 0;
      while (i < 200) { sum = sum + gcd(i * 12, 90); let steps = collatz(i);
        if (steps > longest) { longest = steps; } primes = primes + is_prime(i); i = i + 1; }
      print sum; print longest; print primes; print fib(13); print (1 + 2) * (3 + 4) - 5 % 3;
      """;

  public static void main(String[] args) {
    List<Statement> program = new Parser(Lexer.tokensOf(SOURCE)).program();
    runBlock(program, new Scope(new HashMap<>()));
    System.out.println(NUMBERL);
  }

  /** Run statements. Return the result if one of them returned, otherwise null. */
  static Long runBlock(List<Statement> block, Scope scope) {
    for (Statement statement : block) {
      Long result = statement.run(scope);
      if (result != null) return result;
    }
    return null;
  }
}

enum Kind { DIGITS, KEYWORD, NAME, SYMBOL, END }

record Token(Kind kind, String text) {}

class Lexer {
  private static final List<String> SYMBOLS =
      List.of("==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "=", "(", ")", "{", "}", ",", ";");
  private static final Set<String> KEYWORDS = Set.of("fun", "while", "if", "else", "return", "let", "print");

  private final String source;
  private int place;

  private Lexer(String source) {
    this.source = source;
  }

  static List<Token> tokensOf(String source) {
    return new Lexer(source).split();
  }

  private List<Token> split() {
    List<Token> tokens = new ArrayList<>();
    while (place < source.length()) {
      char letter = source.charAt(place);
      if (Character.isWhitespace(letter)) {
        place++;
      } else if (Character.isDigit(letter)) {
        tokens.add(new Token(Kind.DIGITS, takeWhile(Character::isDigit)));
      } else if (Character.isLetter(letter)) {
        String word = takeWhile(each -> Character.isLetterOrDigit(each) || each == '_');
        tokens.add(new Token(KEYWORDS.contains(word) ? Kind.KEYWORD : Kind.NAME, word));
      } else {
        String symbol = SYMBOLS.stream().filter(each -> source.startsWith(each, place)).findFirst()
            .orElseThrow(() -> new IllegalArgumentException("unexpected " + letter));
        place += symbol.length();
        tokens.add(new Token(Kind.SYMBOL, symbol));
      }
    }
    tokens.add(new Token(Kind.END, ""));
    return tokens;
  }

  private String takeWhile(IntPredicate test) {
    int start = place;
    while (place < source.length() && test.test(source.charAt(place))) place++;
    return source.substring(start, place);
  }
}

class Scope {
  final Map<String, Function> functions;
  final Map<String, Long> names = new HashMap<>();

  Scope(Map<String, Function> functions) {
    this.functions = functions;
  }
}

interface Expression {
  long evaluate(Scope scope);
}

interface Statement {
  Long run(Scope scope);
}

record Constant(long value) implements Expression {
  @Override
  public long evaluate(Scope scope) {
    return value;
  }
}

record Name(String name) implements Expression {
  @Override
  public long evaluate(Scope scope) {
    Long value = scope.names.get(name);
    if (value == null) throw new IllegalArgumentException("unknown name " + name);
    return value;
  }
}

record Binary(String operator, Expression left, Expression right) implements Expression {
  @Override
  public long evaluate(Scope scope) {
    long one = left.evaluate(scope), other = right.evaluate(scope);
    return switch (operator) {
      case "+" -> one + other;
      case "-" -> one - other;
      case "*" -> one * other;
      case "/" -> one / other;
      case "%" -> one % other;
      case "==" -> one == other ? 1 : 0;
      case "!=" -> one != other ? 1 : 0;
      case "<" -> one < other ? 1 : 0;
      case ">" -> one > other ? 1 : 0;
      case "<=" -> one <= other ? 1 : 0;
      default -> one >= other ? 1 : 0;
    };
  }
}

record Call(String name, List<Expression> arguments) implements Expression {
  @Override
  public long evaluate(Scope scope) {
    Function called = scope.functions.get(name);
    Scope inner = new Scope(scope.functions);
    for (int place = 0; place < arguments.size(); place++)
      inner.names.put(called.parameters().get(place), arguments.get(place).evaluate(scope));
    Long result = Main.runBlock(called.body(), inner);
    return result == null ? 0 : result;
  }
}

record Function(String name, List<String> parameters, List<Statement> body) implements Statement {
  @Override
  public Long run(Scope scope) {
    scope.functions.put(name, this);
    return null;
  }
}

record Let(String name, Expression value) implements Statement {
  @Override
  public Long run(Scope scope) {
    scope.names.put(name, value.evaluate(scope));
    return null;
  }
}

record Print(Expression value) implements Statement {
  @Override
  public Long run(Scope scope) {
    System.out.println(value.evaluate(scope));
    return null;
  }
}

record Return(Expression value) implements Statement {
  @Override
  public Long run(Scope scope) {
    return value.evaluate(scope);
  }
}

record If(Expression condition, List<Statement> then, List<Statement> otherwise) implements Statement {
  @Override
  public Long run(Scope scope) {
    return Main.runBlock(condition.evaluate(scope) != 0 ? then : otherwise, scope);
  }
}

record While(Expression condition, List<Statement> body) implements Statement {
  @Override
  public Long run(Scope scope) {
    while (condition.evaluate(scope) != 0) {
      Long result = Main.runBlock(body, scope);
      if (result != null) return result;
    }
    return null;
  }
}

class Parser {
  private static final List<Set<String>> LEVELS =
      List.of(Set.of("==", "!="), Set.of("<", ">", "<=", ">="), Set.of("+", "-"), Set.of("*", "/", "%"));

  private final List<Token> tokens;
  private int place;

  Parser(List<Token> tokens) {
    this.tokens = tokens;
  }

  List<Statement> program() {
    List<Statement> statements = new ArrayList<>();
    while (peek().kind() != Kind.END) statements.add(statement());
    return statements;
  }

  private Token peek() {
    return tokens.get(place);
  }

  private String take() {
    return tokens.get(place++).text();
  }

  private boolean accept(String text) {
    if (peek().kind() == Kind.END || !peek().text().equals(text)) return false;
    place++;
    return true;
  }

  private void expect(String text) {
    if (!accept(text)) throw new IllegalArgumentException("expected " + text + ", found " + peek().text());
  }

  private List<Statement> block() {
    List<Statement> statements = new ArrayList<>();
    expect("{");
    while (!accept("}")) statements.add(statement());
    return statements;
  }

  private Statement statement() {
    if (accept("fun")) return function();
    if (accept("while")) return new While(condition(), block());
    if (accept("if")) return new If(condition(), block(), accept("else") ? block() : List.of());
    Statement statement;
    if (accept("return")) {
      statement = new Return(expression(0));
    } else if (accept("print")) {
      statement = new Print(expression(0));
    } else if (accept("let") || tokens.get(place + 1).text().equals("=")) {
      String name = take();
      expect("=");
      statement = new Let(name, expression(0));
    } else {
      Expression value = expression(0);
      statement = scope -> {
        value.evaluate(scope);
        return null;
      };
    }
    expect(";");
    return statement;
  }

  private Function function() {
    String name = take();
    List<String> parameters = new ArrayList<>();
    expect("(");
    while (!accept(")")) {
      parameters.add(take());
      accept(",");
    }
    return new Function(name, parameters, block());
  }

  private Expression condition() {
    expect("(");
    Expression inner = expression(0);
    expect(")");
    return inner;
  }

  private Expression expression(int level) {
    if (level == LEVELS.size()) return atom();
    Expression left = expression(level + 1);
    while (LEVELS.get(level).contains(peek().text())) left = new Binary(take(), left, expression(level + 1));
    return left;
  }

  private Expression atom() {
    Token token = tokens.get(place++);
    if (token.kind() == Kind.DIGITS) return new Constant(Long.parseLong(token.text()));
    if (token.text().equals("(")) {
      Expression inner = expression(0);
      expect(")");
      return inner;
    }
    if (!accept("(")) return new Name(token.text());
    List<Expression> arguments = new ArrayList<>();
    while (!accept(")")) {
      arguments.add(expression(0));
      accept(",");
    }
    return new Call(token.text(), arguments);
  }
}
