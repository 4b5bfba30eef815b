// An interpreter of a small language: it splits the text into tokens, parses them to a tree, and walks the tree.
#include <cctype>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

const std::string SOURCE = R"(
fun gcd(a, b) { while (b > 0) { let rest = a % b; a = b; b = rest; } return a; }
fun fib(n) { if (n < 2) { return n; } return fib(n - 1) + fib(n - 2); }
fun collatz(n) { let steps = 0; while (n != 1) { if (n % 2 == 0) { n = n / 2; } else { n = 3 * n + 1; }
  steps = steps + 1; } return steps; }
fun is_prime(n) { let d = 2; while (d * d <= n) { if (n % d == 0) { return 0; } d = d + 1; } return n > 1; }
let i = 1; let sum = 0; let longest = 0; let primes = 0;
while (i < 200) { sum = sum + gcd(i * 12, 90); let steps = collatz(i);
  if (steps > longest) { longest = steps; } primes = primes + is_prime(i); i = i + 1; }
print sum; print longest; print primes; print fib(13); print (1 + 2) * (3 + 4) - 5 % 3;
)";

const std::vector<std::string> SYMBOLS = {"==", "!=", "<=", ">=", "<", ">", "+", "-", "*",
                                          "/",  "%",  "=",  "(",  ")", "{", "}", ",", ";"};
const std::vector<std::set<std::string>> LEVELS = {{"==", "!="}, {"<", ">", "<=", ">="}, {"+", "-"}, {"*", "/", "%"}};

enum class Kind { number, word, symbol, end };

struct Token {
  Kind kind;
  std::string text;
};

std::vector<Token> tokens_of(const std::string &source) {
  std::vector<Token> tokens;
  std::size_t place = 0;
  auto take_while = [&](auto test) {
    std::size_t start = place;
    while (place < source.size() && test((unsigned char)source[place])) place++;
    return source.substr(start, place - start);
  };
  while (place < source.size()) {
    unsigned char letter = source[place];
    if (std::isspace(letter)) {
      place++;
    } else if (std::isdigit(letter)) {
      tokens.push_back({Kind::number, take_while([](int each) { return std::isdigit(each); })});
    } else if (std::isalpha(letter)) {
      tokens.push_back({Kind::word, take_while([](int each) { return std::isalnum(each) || each == '_'; })});
    } else {
      std::string found;
      for (const std::string &symbol : SYMBOLS)
        if (source.compare(place, symbol.size(), symbol) == 0) {
          found = symbol;
          break;
        }
      if (found.empty()) throw std::runtime_error("unexpected " + source.substr(place, 1));
      place += found.size();
      tokens.push_back({Kind::symbol, found});
    }
  }
  tokens.push_back({Kind::end, ""});
  return tokens;
}

struct Function;

struct Scope {
  std::map<std::string, const Function *> &functions;
  std::map<std::string, long long> names;
};

struct Expression {
  virtual ~Expression() = default;
  virtual long long evaluate(Scope &scope) const = 0;
};

struct Statement {
  virtual ~Statement() = default;
  virtual std::optional<long long> run(Scope &scope) const = 0;
};

using ExpressionPointer = std::unique_ptr<Expression>;
using Block = std::vector<std::unique_ptr<Statement>>;

std::optional<long long> run_block(const Block &block, Scope &scope) {
  for (const auto &statement : block)
    if (auto result = statement->run(scope)) return result;
  return std::nullopt;
}

struct Number : Expression {
  long long value;
  explicit Number(long long value) : value(value) {}
  long long evaluate(Scope &) const override { return value; }
};

struct Name : Expression {
  std::string name;
  explicit Name(std::string name) : name(std::move(name)) {}
  long long evaluate(Scope &scope) const override { return scope.names.at(name); }
};

struct Binary : Expression {
  std::string operation;
  ExpressionPointer left, right;
  Binary(std::string operation, ExpressionPointer left, ExpressionPointer right)
      : operation(std::move(operation)), left(std::move(left)), right(std::move(right)) {}

  long long evaluate(Scope &scope) const override {
    long long one = left->evaluate(scope), other = right->evaluate(scope);
    if (operation == "+") return one + other;
    if (operation == "-") return one - other;
    if (operation == "*") return one * other;
    if (operation == "/") return one / other;
    if (operation == "%") return one % other;
    if (operation == "==") return one == other;
    if (operation == "!=") return one != other;
    if (operation == "<") return one < other;
    if (operation == ">") return one > other;
    if (operation == "<=") return one <= other;
    return one >= other;
  }
};

struct Function : Statement {
  std::string name;
  std::vector<std::string> parameters;
  Block body;

  std::optional<long long> run(Scope &scope) const override {
    scope.functions[name] = this;
    return std::nullopt;
  }
};

struct Call : Expression {
  std::string name;
  std::vector<ExpressionPointer> arguments;
  explicit Call(std::string name) : name(std::move(name)) {}

  long long evaluate(Scope &scope) const override {
    const Function &called = *scope.functions.at(name);
    Scope inner{scope.functions, {}};
    for (std::size_t place = 0; place < arguments.size(); place++)
      inner.names[called.parameters[place]] = arguments[place]->evaluate(scope);
    return run_block(called.body, inner).value_or(0);
  }
};

struct Let : Statement {
  std::string name;
  ExpressionPointer value;
  Let(std::string name, ExpressionPointer value) : name(std::move(name)), value(std::move(value)) {}

  std::optional<long long> run(Scope &scope) const override {
    scope.names[name] = value->evaluate(scope);
    return std::nullopt;
  }
};

struct Simple : Statement {
  enum class What { print, give_back, evaluate } what;
  ExpressionPointer value;
  Simple(What what, ExpressionPointer value) : what(what), value(std::move(value)) {}

  std::optional<long long> run(Scope &scope) const override {
    long long result = value->evaluate(scope);
    if (what == What::give_back) return result;
    if (what == What::print) std::cout << result << "\n";
    return std::nullopt;
  }
};

struct If : Statement {
  ExpressionPointer condition;
  Block then, otherwise;

  std::optional<long long> run(Scope &scope) const override {
    return run_block(condition->evaluate(scope) ? then : otherwise, scope);
  }
};

struct While : Statement {
  ExpressionPointer condition;
  Block body;

  std::optional<long long> run(Scope &scope) const override {
    while (condition->evaluate(scope))
      if (auto result = run_block(body, scope)) return result;
    return std::nullopt;
  }
};

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens(std::move(tokens)) {}

  Block program() {
    Block statements;
    while (tokens[place].kind != Kind::end) statements.push_back(statement());
    return statements;
  }

 private:
  std::vector<Token> tokens;
  std::size_t place = 0;

  bool accept(const std::string &text) {
    if (tokens[place].kind == Kind::end || tokens[place].text != text) return false;
    place++;
    return true;
  }

  void expect(const std::string &text) {
    if (!accept(text)) throw std::runtime_error("expected " + text + ", found " + tokens[place].text);
  }

  std::string word() { return tokens[place++].text; }

  Block block() {
    Block statements;
    expect("{");
    while (!accept("}")) statements.push_back(statement());
    return statements;
  }

  std::unique_ptr<Statement> statement() {
    if (accept("fun")) return function();
    if (accept("while")) {
      auto made = std::make_unique<While>();
      made->condition = condition();
      made->body = block();
      return made;
    }
    if (accept("if")) {
      auto made = std::make_unique<If>();
      made->condition = condition();
      made->then = block();
      if (accept("else")) made->otherwise = block();
      return made;
    }
    std::unique_ptr<Statement> made;
    if (accept("return")) {
      made = std::make_unique<Simple>(Simple::What::give_back, expression(0));
    } else if (accept("print")) {
      made = std::make_unique<Simple>(Simple::What::print, expression(0));
    } else if (accept("let") || tokens[place + 1].text == "=") {
      std::string name = word();
      expect("=");
      made = std::make_unique<Let>(name, expression(0));
    } else {
      made = std::make_unique<Simple>(Simple::What::evaluate, expression(0));
    }
    expect(";");
    return made;
  }

  std::unique_ptr<Statement> function() {
    auto made = std::make_unique<Function>();
    made->name = word();
    expect("(");
    while (!accept(")")) {
      made->parameters.push_back(word());
      accept(",");
    }
    made->body = block();
    return made;
  }

  ExpressionPointer condition() {
    expect("(");
    auto made = expression(0);
    expect(")");
    return made;
  }

  ExpressionPointer expression(std::size_t level) {
    if (level == LEVELS.size()) return atom();
    auto left = expression(level + 1);
    while (tokens[place].kind == Kind::symbol && LEVELS[level].count(tokens[place].text)) {
      std::string operation = word();
      left = std::make_unique<Binary>(operation, std::move(left), expression(level + 1));
    }
    return left;
  }

  ExpressionPointer atom() {
    if (tokens[place].kind == Kind::number) return std::make_unique<Number>(std::stoll(word()));
    if (accept("(")) {
      auto inner = expression(0);
      expect(")");
      return inner;
    }
    std::string name = word();
    if (!accept("(")) return std::make_unique<Name>(name);
    auto call = std::make_unique<Call>(name);
    while (!accept(")")) {
      call->arguments.push_back(expression(0));
      accept(",");
    }
    return call;
  }
};

int main() {
  std::map<std::string, const Function *> functions;
  Scope scope{functions, {}};
  Block program = Parser(tokens_of(SOURCE)).program();
  run_block(program, scope);
  std::cout << NUMBERLL << "\n";
}
