// An interpreter of a small language: it splits the text into tokens, parses them to a tree, and walks the tree.
const SOURCE = `
fun gcd(a, b) { while (b > 0) { let rest = a % b; a = b; b = rest; } return a; }
fun fib(n) { if (n < 2) { return n; } return fib(n - 1) + fib(n - 2); }
fun collatz(n) { let steps = 0; while (n != 1) { if (n % 2 == 0) { n = n / 2; } else { n = 3 * n + 1; }
  steps = steps + 1; } return steps; }
fun is_prime(n) { let d = 2; while (d * d <= n) { if (n % d == 0) { return 0; } d = d + 1; } return n > 1; }
let i = 1; let sum = 0; let longest = 0; let primes = 0;
while (i < 200) { sum = sum + gcd(i * 12, 90); let steps = collatz(i);
  if (steps > longest) { longest = steps; } primes = primes + is_prime(i); i = i + 1; }
print sum; print longest; print primes; print fib(13); print (1 + 2) * (3 + 4) - 5 % 3;
`
const SYMBOLS = ['==', '!=', '<=', '>=', '<', '>', '+', '-', '*', '/', '%', '=', '(', ')', '{', '}', ',', ';']
const KEYWORDS = new Set(['fun', 'while', 'if', 'else', 'return', 'let', 'print'])
const LEVELS = [['==', '!='], ['<', '>', '<=', '>='], ['+', '-'], ['*', '/', '%']]

class Token {
  constructor(kind, text) {
    this.kind = kind
    this.text = text
  }
}

function tokensOf(source) {
  const tokens = []
  let place = 0
  const takeWhile = (test) => {
    const start = place
    while (place < source.length && test(source[place])) place++
    return source.slice(start, place)
  }
  while (place < source.length) {
    const letter = source[place]
    if (/\s/.test(letter)) {
      place++
    } else if (/[0-9]/.test(letter)) {
      tokens.push(new Token('number', takeWhile((each) => /[0-9]/.test(each))))
    } else if (/[a-z]/.test(letter)) {
      const word = takeWhile((each) => /[a-z0-9_]/.test(each))
      tokens.push(new Token(KEYWORDS.has(word) ? 'keyword' : 'name', word))
    } else {
      const symbol = SYMBOLS.find((each) => source.startsWith(each, place))
      if (symbol === undefined) throw new SyntaxError(`unexpected ${letter}`)
      place += symbol.length
      tokens.push(new Token('symbol', symbol))
    }
  }
  tokens.push(new Token('end', ''))
  return tokens
}

class NumberNode {
  constructor(value) {
    this.value = value
  }
  evaluate() {
    return this.value
  }
}

class Name {
  constructor(name) {
    this.name = name
  }
  evaluate(scope) {
    return scope.get(this.name)
  }
}

class Binary {
  constructor(operator, left, right) {
    this.operator = operator
    this.left = left
    this.right = right
  }
  evaluate(scope) {
    const left = this.left.evaluate(scope)
    const right = this.right.evaluate(scope)
    switch (this.operator) {
      case '+':
        return left + right
      case '-':
        return left - right
      case '*':
        return left * right
      case '/':
        return Math.floor(left / right)
      case '%':
        return left % right
      case '==':
        return Number(left === right)
      case '!=':
        return Number(left !== right)
      case '<':
        return Number(left < right)
      case '>':
        return Number(left > right)
      case '<=':
        return Number(left <= right)
      default:
        return Number(left >= right)
    }
  }
}

class Call {
  constructor(name, args) {
    this.name = name
    this.args = args
  }
  evaluate(scope) {
    const called = scope.functions.get(this.name)
    const inner = new Scope(scope.functions)
    called.parameters.forEach((parameter, place) => inner.names.set(parameter, this.args[place].evaluate(scope)))
    return runBlock(called.body, inner) ?? 0
  }
}

class Let {
  constructor(name, value) {
    this.name = name
    this.value = value
  }
  run(scope) {
    scope.names.set(this.name, this.value.evaluate(scope))
  }
}

class Print {
  constructor(value) {
    this.value = value
  }
  run(scope) {
    console.log(this.value.evaluate(scope))
  }
}

class Return {
  constructor(value) {
    this.value = value
  }
  run(scope) {
    return this.value.evaluate(scope)
  }
}

class If {
  constructor(condition, then, otherwise) {
    this.condition = condition
    this.then = then
    this.otherwise = otherwise
  }
  run(scope) {
    return runBlock(this.condition.evaluate(scope) ? this.then : this.otherwise, scope)
  }
}

class While {
  constructor(condition, body) {
    this.condition = condition
    this.body = body
  }
  run(scope) {
    while (this.condition.evaluate(scope)) {
      const result = runBlock(this.body, scope)
      if (result !== undefined) return result
    }
    return undefined
  }
}

class Expression {
  constructor(value) {
    this.value = value
  }
  run(scope) {
    this.value.evaluate(scope)
  }
}

class FunctionNode {
  constructor(name, parameters, body) {
    this.name = name
    this.parameters = parameters
    this.body = body
  }
  run(scope) {
    scope.functions.set(this.name, this)
  }
}

class Scope {
  constructor(functions) {
    this.functions = functions
    this.names = new Map()
  }
  get(name) {
    if (!this.names.has(name)) throw new ReferenceError(name)
    return this.names.get(name)
  }
}

function runBlock(block, scope) {
  for (const statement of block) {
    const result = statement.run(scope)
    if (result !== undefined) return result
  }
  return undefined
}

class Parser {
  constructor(tokens) {
    this.tokens = tokens
    this.place = 0
  }
  peek() {
    return this.tokens[this.place]
  }
  take(text) {
    const token = this.tokens[this.place++]
    if (text !== undefined && token.text !== text) throw new SyntaxError(`expected ${text}, found ${token.text}`)
    return token
  }
  accept(text) {
    if (this.peek().kind === 'end' || this.peek().text !== text) return false
    this.place++
    return true
  }
  program() {
    const statements = []
    while (this.peek().kind !== 'end') statements.push(this.statement())
    return statements
  }
  block() {
    this.take('{')
    const statements = []
    while (!this.accept('}')) statements.push(this.statement())
    return statements
  }
  statement() {
    if (this.accept('fun')) return this.function()
    if (this.accept('while')) return new While(this.condition(), this.block())
    if (this.accept('if')) return new If(this.condition(), this.block(), this.accept('else') ? this.block() : [])
    let statement
    if (this.accept('return')) {
      statement = new Return(this.expression(0))
    } else if (this.accept('print')) {
      statement = new Print(this.expression(0))
    } else if (this.accept('let') || this.tokens[this.place + 1].text === '=') {
      const name = this.take().text
      this.take('=')
      statement = new Let(name, this.expression(0))
    } else {
      statement = new Expression(this.expression(0))
    }
    this.take(';')
    return statement
  }
  function() {
    const name = this.take().text
    const parameters = []
    this.take('(')
    while (!this.accept(')')) {
      parameters.push(this.take().text)
      this.accept(',')
    }
    return new FunctionNode(name, parameters, this.block())
  }
  condition() {
    this.take('(')
    const expression = this.expression(0)
    this.take(')')
    return expression
  }
  expression(level) {
    if (level === LEVELS.length) return this.atom()
    let left = this.expression(level + 1)
    while (LEVELS[level].includes(this.peek().text)) {
      const operator = this.take().text
      left = new Binary(operator, left, this.expression(level + 1))
    }
    return left
  }
  atom() {
    const token = this.take()
    if (token.kind === 'number') return new NumberNode(Number(token.text))
    if (token.text === '(') {
      const inner = this.expression(0)
      this.take(')')
      return inner
    }
    if (!this.accept('(')) return new Name(token.text)
    const args = []
    while (!this.accept(')')) {
      args.push(this.expression(0))
      this.accept(',')
    }
    return new Call(token.text, args)
  }
}

runBlock(new Parser(tokensOf(SOURCE)).program(), new Scope(new Map()))
console.log(NUMBER)
