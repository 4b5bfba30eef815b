import fs, { readFileSync } from 'fs'
import { createRequire } from 'module'
const text = await Promise.resolve(readFileSync(0, 'utf8'))
console.log(import.meta.url, typeof require, typeof module, this, text.length, Object.keys(import.meta))
console.log(createRequire(import.meta.url)('path').sep, fs.existsSync('main.js'))
export default 1
